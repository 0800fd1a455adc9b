import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { isUnderNohup } from './hangup.js';
import type { Output } from './output.js';

/** Ctrl-C, a polite kill, and a terminal that was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof SIGNALS)[number];

/** npm and npx pass Ctrl-C on to what they started, which has got it already: so soon it is the same one. */
const SAME_PRESS_MS = process.env.npm_command ? 300 : 0;

/** Why `Interrupt.signal` is aborted: what was under way, such as a compilation, rejects with it. */
export class Interruption extends Error {
  override readonly name = 'AbortError';

  constructor(readonly exitCode: number) {
    super('interrupted');
  }
}

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Of the process, once `signal` is aborted: 128 and the number of the system's signal, as shells have it. */
  readonly exitCode: number;
  /** Gives the signals back to the system. */
  release(): void;
}

/** Commands that handle the signals themselves. */
let handling = 0;

function exitCodeOf(signal: Signal): number {
  return 128 + constants.signals[signal];
}

/** Asked before a terminal can be gone. */
const hasTerminal = [0, 1, 2].some((descriptor) => isatty(descriptor));

/**
 * To be called when nothing but ending is left. Node restores a terminal's settings as it ends, and aborts where the terminal is gone:
 * after a hangup the signal itself ends the process, behind everything else that is to happen then.
 */
export function endByHangup(code: number): void {
  if (!hasTerminal || code !== exitCodeOf('SIGHUP')) return;
  process.on('exit', () => {
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
  });
}

/** Signals that are to end this process at all. */
function awaited(): readonly Signal[] {
  return isUnderNohup() ? SIGNALS.filter((signal) => signal !== 'SIGHUP') : SIGNALS;
}

/**
 * Makes a signal end the process by its own will, so that compilers are ended and temporary files removed; a command that handles it comes
 * first.
 */
export function quitOnSignals(): void {
  for (const signal of awaited())
    process.on(signal, () => {
      if (handling > 0) return;
      const code = exitCodeOf(signal);
      endByHangup(code);
      process.exit(code);
    });
  // Without a handler it would end the process.
  if (isUnderNohup()) process.on('SIGHUP', () => undefined);
}

/**
 * Asks for a stop after the running step when a signal comes. A second Ctrl-C quits at once; further signals of other kinds, of which a
 * closing terminal or a service manager sends several, change nothing.
 */
export function onInterrupt(output: Output, message: string): Interrupt {
  const controller = new AbortController();
  let exitCode = exitCodeOf('SIGINT');
  let since = 0;
  const handle = (signal: NodeJS.Signals): void => {
    if (!controller.signal.aborted) {
      since = performance.now();
      exitCode = exitCodeOf(signal as Signal);
      controller.abort(new Interruption(exitCode));
      output.error(`${output.terminal ? '\r\u001b[K' : '\n'}${message}; press Ctrl-C again to quit at once`);
    } else if (signal === 'SIGINT' && performance.now() - since >= SAME_PRESS_MS) process.exit(exitCodeOf('SIGINT'));
  };
  handling += 1;
  for (const signal of awaited()) process.on(signal, handle);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    release() {
      handling -= 1;
      for (const signal of SIGNALS) process.off(signal, handle);
    },
  };
}
