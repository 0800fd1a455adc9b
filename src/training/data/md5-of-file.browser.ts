import { readFile } from '../../platform/files.js';
import { createHash } from '../../platform/hash.js';

export async function md5OfFile(path: string): Promise<string> {
  return createHash('md5')
    .update(await readFile(path))
    .digest('hex');
}
