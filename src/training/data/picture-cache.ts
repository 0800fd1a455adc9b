import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { userError } from '../../diagnostics/diagnostic.js';
import { cacheFolder } from '../../files/cache-folder.js';
import { fields, isBoolean, isNumber, isText, listOf, optional } from '../../files/json-form.js';
import { replaceFile } from '../../files/replace-file.js';
import { removeTemporaries } from '../../files/temporary.js';
import { parseBytes } from '../../numeric/bytes.js';

/** What decoded pictures end with in the cache, and the marks of those that are there; the name hashes all that decides about them. */
const DECODED = '.u8';
const MARKS = '.marks';
const MARK_BYTES = 4;
const INDEX = '.index.json';

/** Of all sets together, unless AMPC_IMAGE_CACHE says otherwise. */
const DEFAULT_LIMIT = 20e9;

/** How a file was when it was looked at, and what was in it. `size` below 0: it could not be looked at. */
export interface KnownFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly hash: string;
  /** Why it is no picture. */
  readonly why?: string | undefined;
  /** It has been decoded, and was a picture. */
  readonly decoded?: boolean | undefined;
}

const isIndex = listOf(
  fields({ path: isText, size: isNumber, mtimeMs: isNumber, hash: isText, why: optional(isText), decoded: optional(isBoolean) }),
);

export function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 32);
}

function indexPath(folder: string, root: string, key: string): string {
  return join(folder, `${hashOf(root, '\n', key)}${INDEX}`);
}

/** The files below `root` as they were last seen; none where nothing is known, or what is kept is damaged. `key`: how they were decoded. */
export async function readIndex(folder: string, root: string, key: string): Promise<ReadonlyMap<string, KnownFile>> {
  try {
    const found: unknown = JSON.parse(await readFile(indexPath(folder, root, key), 'utf8'));
    return isIndex(found) ? new Map((found as KnownFile[]).map((file) => [file.path, file])) : new Map();
  } catch {
    return new Map();
  }
}

/** Throws the system's error. */
export async function writeIndex(folder: string, root: string, key: string, files: readonly KnownFile[]): Promise<void> {
  await replaceFile(indexPath(folder, root, key), JSON.stringify(files));
}

/** Where the decoded pictures of a set are, and their marks. */
export function cachePlace(folder: string, key: string): { readonly pixels: string; readonly marks: string } {
  return { pixels: join(folder, `${key}${DECODED}`), marks: join(folder, `${key}${MARKS}`) };
}

/** The decoded pictures of a set count as used now. */
export async function touchCache(folder: string, key: string): Promise<void> {
  const now = new Date();
  for (const path of Object.values(cachePlace(folder, key))) await utimes(path, now, now).catch(() => undefined);
}

/** Which of `count` pictures are in the cache, as far as their marks tell. */
export async function keptPictures(folder: string, key: string, count: number): Promise<readonly boolean[]> {
  const marks = await readFile(cachePlace(folder, key).marks).catch(() => new Uint8Array(0));
  return Array.from({ length: count }, (_, slot) => marks.subarray(slot * MARK_BYTES, (slot + 1) * MARK_BYTES).some((byte) => byte !== 0));
}

/** Throws UserError AMP6054 for a limit that is no amount. */
export function cacheLimit(): number {
  const { AMPC_IMAGE_CACHE: named } = process.env;
  const bytes = named ? parseBytes(named) : DEFAULT_LIMIT;
  if (bytes !== undefined) return bytes;
  throw userError('AMP6054', `AMPC_IMAGE_CACHE is ${named}`, 'it is an amount, such as 20 GB', 'correct or unset AMPC_IMAGE_CACHE');
}

/**
 * Makes room for `bytes` of the set of `key`: removes those that were used longest ago, until they are within the limit together. A run
 * that uses one of them goes on, and decodes.
 */
export async function trimCache(folder: string, key: string, bytes: number): Promise<void> {
  await removeTemporaries(folder);
  const limit = cacheLimit();
  const names = (await readdir(folder)).filter((name) => name.endsWith(DECODED) && name !== `${key}${DECODED}`);
  const found = await Promise.all(names.map(async (name) => ({ name, ...(await sizeAndTime(join(folder, name))) })));
  let total = found.reduce((sum, { size }) => sum + size, bytes);
  for (const { name, size } of found.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= limit) return;
    const { pixels, marks } = cachePlace(folder, name.slice(0, -DECODED.length));
    for (const path of [marks, pixels]) await rm(path, { force: true }).catch(() => undefined);
    total -= size;
  }
}

/** `size`: what it takes on disk, for not all of its pictures need be there. */
async function sizeAndTime(path: string): Promise<{ readonly size: number; readonly mtimeMs: number }> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return { size: 0, mtimeMs: 0 };
  return { size: process.platform === 'win32' ? found.size : 512 * found.blocks, mtimeMs: found.mtimeMs };
}

/** Removes all decoded pictures, and says how many bytes they took. Runs that read them go on. */
export async function cleanImages(): Promise<{ readonly folder: string | undefined; readonly bytes: number }> {
  const folder = cacheFolder('images');
  let bytes = 0;
  if (folder === undefined) return { folder, bytes };
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    bytes += (await sizeAndTime(path)).size;
    await rm(path, { recursive: true, force: true });
  }
  return { folder, bytes };
}
