import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { userError } from '../diagnostics/diagnostic.js';
import { writeFileAtomic } from '../training/atomic.js';

/** Writes a result as JSON, replacing the file. Throws UserError AMP6213 when it cannot be written. */
export async function writeResult(path: string, result: unknown): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, [`${JSON.stringify(result, undefined, 1)}\n`]);
  } catch (error) {
    throw userError('AMP6213', `cannot write ${path}`, (error as Error).message, 'name another file with --out');
  }
}
