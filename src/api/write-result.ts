import { dirname } from 'node:path';
import { userError } from '../diagnostics/diagnostic.js';
import { makeFolder } from '../files/make-folder.js';
import { fileReason } from '../files/reason.js';
import { replaceFile } from '../files/replace-file.js';

/** Writes what was asked for, replacing the file; folders on the way are made. Throws UserError AMP6213 when it cannot be written. */
export async function writeOutput(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await replaceFile(path, content);
  } catch (error) {
    throw userError('AMP6213', `cannot write ${path}`, fileReason(error), 'name another place with --out');
  }
}

/** Writes a result as JSON. Throws as `writeOutput`. */
export function writeResult(path: string, result: unknown): Promise<void> {
  return writeOutput(path, `${JSON.stringify(result, undefined, 1)}\n`);
}

/** Rewrites a text of the user, all of it or nothing. Throws UserError AMP6104 when it cannot be written. */
export async function rewriteText(path: string, text: string): Promise<void> {
  try {
    await replaceFile(path, text);
  } catch (error) {
    throw userError(
      'AMP6104',
      `cannot write ${path}`,
      `${fileReason(error)}; the file is as it was`,
      'make it writable, or make room for it',
    );
  }
}
