import { UserError, userError } from '../../diagnostics/diagnostic.js';
import { DriverError, RESULT } from './calls.js';

/**
 * Results after which the context can do nothing more, by their numbers in CUDA's documentation: what a kernel did, errors of memory, a
 * device that fell off its bus, a driver that was shut down.
 */
const LOST: ReadonlySet<number> = new Set([4, 46, 201, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 999]);

/** Whether nothing works any more after it. */
export function isLost(error: unknown): boolean {
  return error instanceof DriverError && LOST.has(error.code);
}

/** What the driver said, as a message: AMP6035 for memory, AMP6038 for a device that is lost, AMP6037 for all else. */
export function failureOf(error: unknown): unknown {
  if (!(error instanceof DriverError) || error instanceof UserError) return error;
  const { code, message } = error;
  if (code === RESULT.outOfMemory)
    return userError('AMP6035', 'the GPU ran out of memory', message, 'use a smaller batch, or close other programs that use the GPU');
  if (LOST.has(code)) {
    const fix = 'its driver was reset or removed, or a kernel failed; run again with --resume to go on from the last checkpoint';
    return userError('AMP6038', 'the GPU was lost', message, fix);
  }
  return userError('AMP6037', 'the GPU refused a command', message, 'this is a bug in ampc or in the driver: report it');
}
