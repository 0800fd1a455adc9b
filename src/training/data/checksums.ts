import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { replaceFile } from '../../files/replace-file.js';
import { changedFile } from './changed-file.js';

/** SHA-256 of each file as it came out of the archive, whose own checksum was right; in the form that `sha256sum -c` reads. */
export const CHECKSUMS_FILE = 'SHA256SUMS';

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

export async function writeChecksums(folder: string, names: readonly string[]): Promise<void> {
  let text = '';
  for (const name of names) text += `${await sha256(join(folder, name))}  ${name}\n`;
  await replaceFile(join(folder, CHECKSUMS_FILE), text);
}

/**
 * Compares files with the checksums beside them, and says whether every one of `names` has one. Throws UserError AMP7015 for the first file
 * that is not what it was.
 */
export async function compareChecksums(folder: string, names: readonly string[]): Promise<boolean> {
  const text = await readFile(join(folder, CHECKSUMS_FILE), 'utf8').catch(() => '');
  const known = new Map([...text.matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm)].map(([, hash, name]) => [name.trim(), hash]));
  for (const name of names) {
    const hash = known.get(name);
    if (hash === undefined || hash === (await sha256(join(folder, name)))) continue;
    throw changedFile(join(folder, name), `its SHA-256 is not the one in ${join(folder, CHECKSUMS_FILE)}`);
  }
  return names.every((name) => known.has(name));
}
