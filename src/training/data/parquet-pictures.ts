import { type ParquetList, type ParquetTable, parseRowPath } from '../../datafiles/parquet.js';
import { readColumn } from '../../datafiles/parquet-file.js';
import type { PictureFiles } from './picture-files.js';

/** Groups of rows in memory: pictures are read in their order, several at a time, so that some are of the group before. */
const KEPT_GROUPS = 2;

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
    look: async (path) => {
      const { size, mtimeMs } = tableOf(path).table.file;
      return { path, size, mtimeMs };
    },
    read: async ({ path }) => {
      const { table, row } = tableOf(path);
      let within = row;
      let group = 0;
      for (; within >= table.file.groups[group]!; group++) within -= table.file.groups[group]!;
      const bytes = groupOf(table, group)[within];
      return bytes instanceof Uint8Array ? bytes : { why: 'the row has no bytes of a picture' };
    },
  };
}
