import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { changedFile } from '../../datafiles/bad-file.js';
import { fileReason, isSystemError } from '../../files/reason.js';
import type { KnownFile } from './picture-cache.js';

/** A picture's file before it is read. `size` below 0: it cannot be looked at, which is said when it is read. */
export interface Seen extends Omit<KnownFile, 'hash'> {}

/** Encoded pictures below a folder, by their paths. */
export interface PictureFiles {
  readonly root: string;
  look(path: string): Promise<Seen>;
  /** The bytes of one picture, or why there are none. Throws UserError AMP7019 for a file that is not as it was seen, and as the reader. */
  read(seen: Seen): Promise<Uint8Array | { readonly why: string }>;
}

/** Pictures that are files, each by itself. */
export function filesBelow(root: string): PictureFiles {
  return {
    root,
    look: async (path) => {
      try {
        const { size, mtimeMs } = await stat(resolve(root, path));
        return { path, size, mtimeMs };
      } catch (error) {
        if (isSystemError(error)) return { path, size: -1, mtimeMs: 0 };
        throw error;
      }
    },
    read: async ({ path, size }) => {
      let bytes: Uint8Array;
      try {
        bytes = await readFile(resolve(root, path));
      } catch (error) {
        if (!isSystemError(error)) throw error;
        if (size >= 0 && error.code === 'ENOENT') throw changedFile(resolve(root, path));
        return { why: fileReason(error) };
      }
      if (bytes.length !== size) throw changedFile(resolve(root, path));
      return bytes;
    },
  };
}
