import { dirname } from 'node:path';
import { userError } from '../diagnostics/diagnostic.js';
import { makeFolder } from '../files/make-folder.js';
import { fileReason } from '../files/reason.js';
import { writeFileAtomic } from '../training/atomic.js';

/** Writes a result as JSON, replacing the file. Throws UserError AMP6213 when it cannot be written. */
export async function writeResult(path: string, result: unknown): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await writeFileAtomic(path, [`${JSON.stringify(result, undefined, 1)}\n`]);
  } catch (error) {
    throw userError('AMP6213', `cannot write ${path}`, fileReason(error), 'name another file with --out');
  }
}
