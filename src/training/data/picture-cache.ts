import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { userError } from '../../diagnostics/diagnostic.js';
import { cacheFolder } from '../../files/cache-folder.js';
import { fields, isCount, isNumber, isText, listOf, optional } from '../../files/json-form.js';
import { replaceFile } from '../../files/replace-file.js';
import { removeTemporaries } from '../../files/temporary.js';
import { parseBytes } from '../../numeric/bytes.js';

/** What decoded pictures end with in the cache; their name is a hash of all that decides about them. */
const DECODED = '.u8';
const INDEX = '.index.json';

/** Of all sets together, unless AMPC_IMAGE_CACHE says otherwise. */
const DEFAULT_LIMIT = 20e9;

/** How a file was when it was read, and what was in it. */
export interface KnownFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly hash: string;
  /** Why it is no picture. */
  readonly why?: string | undefined;
}

const isIndex = listOf(fields({ path: isText, size: isCount, mtimeMs: isNumber, hash: isText, why: optional(isText) }));

export function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function indexPath(folder: string, root: string, key: string): string {
  return join(folder, `${hashOf(root, '\n', key).slice(0, 32)}${INDEX}`);
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

export function decodedPath(folder: string, key: string): string {
  return join(folder, `${key}${DECODED}`);
}

/** Whether the decoded pictures are there, whole; they then count as used now. */
export async function isDecoded(folder: string, key: string, bytes: number): Promise<boolean> {
  const path = decodedPath(folder, key);
  const now = new Date();
  const found = await stat(path).catch(() => undefined);
  if (found?.size !== bytes) return false;
  await utimes(path, now, now).catch(() => undefined);
  return true;
}

/** Throws UserError AMP6054 for a limit that is no amount. */
export function cacheLimit(): number {
  const { AMPC_IMAGE_CACHE: named } = process.env;
  const bytes = named ? parseBytes(named) : DEFAULT_LIMIT;
  if (bytes !== undefined) return bytes;
  throw userError('AMP6054', `AMPC_IMAGE_CACHE is ${named}`, 'it is an amount, such as 20 GB', 'correct or unset AMPC_IMAGE_CACHE');
}

/**
 * Removes the sets that were used longest ago, until the rest is within the limit; never that of `key`. A run that reads one of them keeps
 * it: what is mapped stays until the last reader has gone.
 */
export async function trimCache(folder: string, key: string): Promise<void> {
  await removeTemporaries(folder);
  const limit = cacheLimit();
  const names = (await readdir(folder)).filter((name) => name.endsWith(DECODED));
  const found = await Promise.all(names.map(async (name) => ({ name, ...(await sizeAndTime(join(folder, name))) })));
  let total = found.reduce((sum, { size }) => sum + size, 0);
  for (const { name, size } of found.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total <= limit) return;
    if (name === `${key}${DECODED}`) continue;
    await rm(join(folder, name), { force: true }).catch(() => undefined);
    total -= size;
  }
}

async function sizeAndTime(path: string): Promise<{ readonly size: number; readonly mtimeMs: number }> {
  return stat(path).catch(() => ({ size: 0, mtimeMs: 0 }));
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
