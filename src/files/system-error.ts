import { type UserError, userError } from '../diagnostics/diagnostic.js';
import { open, stat } from '../platform/files.js';
import { fileFix, fileReason, isSystemError } from './reason.js';

export interface SystemErrorPlace {
  /** Default: the path that the error names. */
  readonly path?: string | undefined;
  /** What was tried, for "cannot ... PATH". */
  readonly doing?: string;
}

/** An error of the operating system as a diagnostic, AMP6110: what could not be done with which path, why, and what to do. */
export function systemError(error: NodeJS.ErrnoException, { path = error.path, doing = 'use' }: SystemErrorPlace = {}): UserError {
  const what = path === undefined ? `the system refuses ${error.syscall ?? 'a call'}` : `cannot ${doing} ${path}`;
  return userError('AMP6110', what, fileReason(error), fileFix(error));
}

/** What Node says where the system gives no memory for an array, or a thread has used up its own. */
const NO_MEMORY: ReadonlySet<string> = new Set(['ERR_MEMORY_ALLOCATION_FAILED', 'ERR_WORKER_OUT_OF_MEMORY']);

/** Whether the process got no memory that it asked for. */
function isOutOfMemory(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code = '' } = error as NodeJS.ErrnoException;
  return NO_MEMORY.has(code) || (error instanceof RangeError && error.message === 'Array buffer allocation failed');
}

/** An error that is a fault of the system around ampc as a diagnostic, AMP6110 or AMP6056; any other one as it is. */
export function fromSystem(error: unknown): unknown {
  if (isSystemError(error)) return systemError(error);
  if (!isOutOfMemory(error)) return error;
  return userError(
    'AMP6056',
    'the system gives no memory for what the command holds',
    'other programs hold it, or a limit (ulimit, a container) is lower than what is needed',
    'end other programs, raise the limit, or use a smaller batch or fewer images (`--batch`, `--limit`)',
  );
}

/** Waits for what reads a file. Throws UserError AMP6110 for the system's errors, and everything else as it is. */
export async function reading<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw isSystemError(error) ? systemError(error, { path, doing: 'read' }) : error;
  }
}

/** Whether there is a file or folder. Throws UserError AMP6110 where the system does not tell: what may not be looked at is not missing. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw isSystemError(error) ? systemError(error, { path, doing: 'read' }) : error;
  }
}

/** Bytes of a file. Throws UserError AMP6110, also for a folder and for a file that may not be read. */
export async function fileSize(path: string): Promise<number> {
  const file = await reading(path, open(path));
  const found = await file.stat().finally(() => file.close());
  if (found.isDirectory()) throw systemError(Object.assign(new Error('a folder'), { code: 'EISDIR' }), { path, doing: 'read' });
  return found.size;
}
