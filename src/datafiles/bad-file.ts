import { type UserError, userError } from '../diagnostics/diagnostic.js';

/**
 * A file that is damaged, or, with `fix`, holds what is not read, and what to do about that. Whoever knows the file's name makes a
 * diagnostic of it.
 */
export class BadFile extends Error {
  constructor(
    why: string,
    readonly fix?: string,
  ) {
    super(why);
    this.name = 'BadFile';
  }
}

/** `fix`: left out where the file is damaged. */
export function badFile(path: string, why: string, fix = 'replace the file by a whole one, or name another place with --data'): UserError {
  return userError('AMP7020', `cannot use ${path}`, why, fix);
}

/** What `read` gives. Throws UserError AMP7020 about the file at `path` where it throws BadFile. */
export function naming<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof BadFile ? badFile(path, error.message, error.fix) : error;
  }
}

/** A file that is not as it was when a run, or a look at it, began. */
export function changedFile(path: string): UserError {
  return userError(
    'AMP7019',
    `${path} changed while it was read`,
    'the pictures of a run are those that are there when it begins',
    'start again when nothing writes to the folder any more',
  );
}
