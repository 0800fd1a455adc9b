import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { type ParquetList, type ParquetTable, parseRowPath } from '../../datafiles/parquet.js';
import { readColumn } from '../../datafiles/parquet-file.js';
import { reading } from '../../files/system-error.js';
import { hashOf, type KnownFile } from './picture-cache.js';
import type { PictureFiles } from './picture-files.js';

/** Groups of rows in memory: pictures are read in their order, those of training and of testing by turns. */
const KEPT_GROUPS = 2;

async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  const read = async (): Promise<void> => {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  };
  await reading(path, read());
  return hash.digest('hex');
}

/** Pictures that are rows of Parquet files, which are read by groups of rows. */
export function rowsOf({ root, tables }: Pick<ParquetList, 'root' | 'tables'>): PictureFiles {
  const kept = new Map<string, readonly unknown[]>();
  const groupOf = (table: ParquetTable, group: number): readonly unknown[] => {
    const key = `${group} ${table.file.path}`;
    const found = kept.get(key) ?? readColumn(table.file, group, table.image);
    kept.delete(key);
    kept.set(key, found);
    for (const oldest of [...kept.keys()].slice(0, -KEPT_GROUPS)) kept.delete(oldest);
    return found;
  };
  const tableOf = (path: string): { readonly table: ParquetTable; readonly row: number } => {
    const { file, row } = parseRowPath(path);
    return { table: tables.get(file)!, row };
  };
  return {
    root,
    listed: { by: root, holds: 'holds', what: 'row' },
    fileOf: (path) => join(root, parseRowPath(path).file),
    examine: async (paths, { known, signal }) => {
      const hashes = new Map<string, string>();
      const found: KnownFile[] = [];
      for (const path of paths) {
        const { path: file, size, mtimeMs } = tableOf(path).table.file;
        const before = known.get(path);
        if (before !== undefined && before.size === size && before.mtimeMs === mtimeMs) {
          found.push(before);
          continue;
        }
        signal?.throwIfAborted();
        const hash = hashes.get(file) ?? (await hashOfFile(file));
        hashes.set(file, hash);
        found.push({ path, size, mtimeMs, hash: hashOf(hash, path.slice(path.lastIndexOf('#'))) });
      }
      return found;
    },
    read: (path) => {
      const { table, row } = tableOf(path);
      let within = row;
      let group = 0;
      for (; within >= table.file.groups[group]!; group++) within -= table.file.groups[group]!;
      const bytes = groupOf(table, group)[within];
      return bytes instanceof Uint8Array ? bytes : { why: 'the row has no bytes of a picture' };
    },
  };
}
