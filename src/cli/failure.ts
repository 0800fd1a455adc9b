import { CommanderError } from 'commander';
import { fileReason } from '../files/reason.js';
import { fromSystem } from '../files/system-error.js';
import { renderDiagnostics, UserError } from '../index.js';
import { Interruption } from './interrupt.js';
import type { Output } from './output.js';

/**
 * Exit codes of the contract: done, a mistake of the user or a fault of the environment, wrong usage, interrupted by Ctrl-C (other signals
 * have codes of their own).
 */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Why the command's output did not arrive. */
export function outputFailure(error: Error): UserError {
  const fix = 'make room for it, or send it elsewhere; files that the command writes are not concerned';
  return new UserError([{ code: 'AMP6105', severity: 'error', message: 'cannot write to stdout', why: fileReason(error), fix }]);
}

/** Says what went wrong, without a stack trace unless AMPC_DEBUG is set; the process's exit code. */
export function reportFailure(error: unknown, output: Output): number {
  if (error instanceof Error && error.name === 'AbortError') {
    output.error('interrupted');
    return error instanceof Interruption ? error.exitCode : EXIT.interrupted;
  }
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  // Errors of the system: whatever they are, they are no bug.
  const known = fromSystem(error);
  if (known instanceof UserError) {
    output.error(renderDiagnostics(known.diagnostics, known.source, { color: output.errorColor }));
  } else {
    output.error(`ampc failed: ${error instanceof Error ? error.message : String(error)}`);
    output.error('This is a bug in ampc. Please report it with the .amp file and the command; AMPC_DEBUG=1 shows where it happened.');
  }
  if (process.env.AMPC_DEBUG === '1' && error instanceof Error) output.error(error.stack ?? '');
  return EXIT.failed;
}
