import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { systemError } from '../files/system-error.js';
import { badFile } from './bad-file.js';

/** What a packed file may hold. */
const MOST_UNPACKED = 2 ** 32 - 1;

/** A file's bytes, unpacked where its name ends with `.gz`. Throws UserError AMP6110, AMP7020. */
export function readBytes(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw systemError(error as NodeJS.ErrnoException, { path, doing: 'read' });
  }
  if (!path.endsWith('.gz')) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: MOST_UNPACKED });
  } catch (error) {
    throw badFile(path, `it cannot be unpacked: ${(error as Error).message}`);
  }
}
