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
