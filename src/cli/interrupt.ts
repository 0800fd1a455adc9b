import { constants } from 'node:os';
import { EXIT } from './failure.js';
import type { Output } from './output.js';

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives the signals back to the system. */
  release(): void;
}

/** Commands that handle the signals themselves. */
let handling = 0;

/** Makes a signal end the process by its own will, so that compilers are ended and temporary files removed; a command that handles it comes first. */
export function quitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (handling === 0) process.exit(128 + constants.signals[signal]);
    });
}

/** Ctrl-C (or a polite kill) asks for a stop after the running step; a second one quits at once. */
export function onInterrupt(output: Output, message: string): Interrupt {
  const controller = new AbortController();
  const handle = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
    output.error(`${output.terminal ? '\r\u001b[K' : '\n'}${message}; press Ctrl-C again to quit at once`);
  };
  handling += 1;
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    release() {
      handling -= 1;
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
