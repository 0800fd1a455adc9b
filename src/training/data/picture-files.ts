import { resolve } from 'node:path';
import type { Decoding } from './decode-jobs.js';
import type { DecodePool } from './decode-pool.js';
import type { KnownFile } from './picture-cache.js';

export interface ExamineOptions {
  readonly decoding: Decoding;
  readonly pool: DecodePool;
  /** What earlier runs found out, by path: of files that are as they were it is not found out again. */
  readonly known: ReadonlyMap<string, KnownFile>;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Encoded pictures below a folder, by their paths. */
export interface PictureFiles {
  readonly root: string;
  /** How a message says that some of them are no pictures: what was named, and what it has. */
  readonly listed: { readonly by: string; readonly holds: 'holds' | 'names'; readonly what: 'file' | 'row' };
  /** What there is to know of pictures before they are decoded; rejects with the signal's reason. */
  examine(paths: readonly string[], options: ExamineOptions): Promise<readonly KnownFile[]>;
  /** The file that a picture is in. */
  fileOf(path: string): string;
  /** Of pictures that can only be read one after another: the bytes, or why there are none. Throws UserError AMP7019, and as the reader. */
  readonly read?: (path: string) => Uint8Array | { readonly why: string };
}

/** Files that a thread looks at in one go. */
const TOGETHER = 64;

/** Pictures that are files, each by itself; `list`: the file that names them, where one does. */
export function filesBelow(root: string, list?: string): PictureFiles {
  const fileOf = (path: string): string => resolve(root, path);
  return {
    root,
    listed: list === undefined ? { by: root, holds: 'holds', what: 'file' } : { by: list, holds: 'names', what: 'file' },
    fileOf,
    examine: async (paths, { decoding, pool, known, onProgress, signal }) => {
      const found: (readonly KnownFile[])[] = [];
      let done = 0;
      await pool.runAll(
        'examine',
        Math.ceil(paths.length / TOGETHER),
        (part) => {
          const own = paths.slice(part * TOGETHER, (part + 1) * TOGETHER);
          return { decoding, files: own.map((path) => ({ path, file: fileOf(path), known: known.get(path) })) };
        },
        (result, part) => {
          found[part] = result;
          done += result.length;
          onProgress?.(done, paths.length);
        },
        signal,
      );
      return found.flat();
    },
  };
}
