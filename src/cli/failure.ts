import { CommanderError } from 'commander';
import { fileReason } from '../files/reason.js';
import { renderDiagnostics, UserError } from '../index.js';
import type { Output } from './output.js';

/** Exit codes of the contract: done, a mistake of the user or a fault of the environment, wrong usage, interrupted by Ctrl-C (other signals have codes of their own). */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Errors of the operating system (a full disk, a missing permission) carry such a code; they are not bugs of ampc. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return error instanceof Error && typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) && 'syscall' in error;
}

/** Why the command's output did not arrive. */
export function outputFailure(error: Error): UserError {
  const fix = 'make room for it, or send it elsewhere; files that the command writes are not concerned';
  return new UserError([{ code: 'AMP6105', severity: 'error', message: 'cannot write to stdout', why: fileReason(error), fix }]);
}

/** Says what went wrong, without a stack trace unless AMPC_DEBUG is set; the process's exit code. */
export function reportFailure(error: unknown, output: Output): number {
  if (error instanceof Error && error.name === 'AbortError') {
    output.error('interrupted');
    return EXIT.interrupted;
  }
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof UserError) {
    output.error(renderDiagnostics(error.diagnostics, error.source, { color: output.errorColor }));
  } else if (isSystemError(error)) {
    output.error(`error: ${error.message}`);
  } else {
    output.error(`ampc failed: ${error instanceof Error ? error.message : String(error)}`);
    output.error('This is a bug in ampc. Please report it with the .amp file and the command; AMPC_DEBUG=1 shows where it happened.');
  }
  if (process.env.AMPC_DEBUG === '1' && error instanceof Error) output.error(error.stack ?? '');
  return EXIT.failed;
}
