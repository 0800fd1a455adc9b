import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { notKept, openCache } from '../files/cache-folder.js';
import { readOwnFile } from '../files/own-file.js';
import { temporaryCache } from './builds.js';

/** What compiled kernels are kept by: a hash of everything that they are made from. */
export function kernelKey(madeFrom: readonly string[]): string {
  return createHash('sha256').update(madeFrom.join('\0')).digest('hex').slice(0, 40);
}

/** A name that holds the key and a hash of the bytes, so that one rename puts both in place. `suffix`: with its dot. */
export function contentName(key: string, bytes: Uint8Array, suffix: string): string {
  return `${key}-${createHash('sha256').update(key).update(bytes).digest('hex')}${suffix}`;
}

/**
 * A file of the cache whose bytes are those that were built, and those bytes; damaged ones are removed. The folder is one that only this
 * user can write to.
 */
export async function findKept(
  folder: string,
  key: string,
  suffix: string,
): Promise<{ readonly path: string; readonly bytes: Uint8Array } | undefined> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${key}-`) || !name.endsWith(suffix)) continue;
    const path = join(folder, name);
    const bytes = await readOwnFile(path);
    if (bytes !== undefined && contentName(key, bytes, suffix) === name) return { path, bytes };
    await rm(path, { recursive: true, force: true });
  }
  return undefined;
}

/** The cache, or what stands in for it until the process ends: where nobody named a place and the usual one cannot be used. */
export async function openKernels(onNotice?: (text: string) => void): Promise<string> {
  try {
    return await openCache('kernels');
  } catch (error) {
    const notice = notKept(error, 'compiled kernels are');
    const folder = temporaryCache();
    onNotice?.(notice);
    return folder;
  }
}
