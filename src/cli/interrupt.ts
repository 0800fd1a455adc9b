import { EXIT } from './failure.js';
import type { Output } from './output.js';

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives the signals back to the system. */
  release(): void;
}

/** Ctrl-C (or a polite kill) asks for a stop after the running step; a second one quits at once. */
export function onInterrupt(output: Output, message: string): Interrupt {
  const controller = new AbortController();
  const handle = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
    output.error(`\n${message}; press Ctrl-C again to quit at once`);
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
