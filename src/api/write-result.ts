import { dirname } from 'node:path';
import { userError } from '../diagnostics/diagnostic.js';
import { makeFolder } from '../files/make-folder.js';
import { fileReason } from '../files/reason.js';
import { replaceFile } from '../files/replace-file.js';

/** Writes a result as JSON, replacing the file. Throws UserError AMP6213 when it cannot be written. */
export async function writeResult(path: string, result: unknown): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await replaceFile(path, `${JSON.stringify(result, undefined, 1)}\n`);
  } catch (error) {
    throw userError('AMP6213', `cannot write ${path}`, fileReason(error), 'name another file with --out');
  }
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
