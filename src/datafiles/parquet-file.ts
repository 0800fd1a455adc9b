import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { FileMetaData, SchemaTree } from 'hyparquet';
import { systemError } from '../files/system-error.js';
import { BadFile, changedFile, naming } from './bad-file.js';
import { PACKINGS, readPages } from './parquet-pages.js';

/** A Parquet file by what its end says: columns, groups of rows, texts by key. */
export interface ParquetFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly schema: SchemaTree;
  /** Rows of each group. */
  readonly groups: readonly number[];
  readonly metadata: FileMetaData;
}

const require = createRequire(import.meta.url);

/** Loaded by whoever reads such a file: programs about other data do not wait for it. */
const library = () => ({
  ...(require('hyparquet/src/metadata.js') as typeof import('hyparquet/src/metadata.js')),
  ...(require('hyparquet/src/schema.js') as typeof import('hyparquet/src/schema.js')),
});

const MAGIC = 'PAR1';
/** The length of the metadata, and the magic behind it. */
const TAIL = 8;
/** One call reads less than 2 GiB. */
const MOST_AT_ONCE = 2 ** 30;

/** What `work` makes of an open file. Throws UserError AMP6110, AMP7020. */
function withFile<T>(path: string, work: (file: number) => T): T {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw systemError(error as NodeJS.ErrnoException, { path, doing: 'read' });
  }
  try {
    return naming(path, () => work(file));
  } finally {
    closeSync(file);
  }
}

function readAt(file: number, start: number, end: number, size: number): Uint8Array {
  if (!(start >= 0 && start <= end && end <= size))
    throw new BadFile('it is cut short or damaged: it tells of bytes that it does not have');
  const bytes = new Uint8Array(end - start);
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(file, bytes, at, Math.min(MOST_AT_ONCE, bytes.length - at), start + at);
    if (count === 0) throw new BadFile('it became shorter while it was read');
    at += count;
  }
  return bytes;
}

/** What the library makes of bytes. Throws BadFile for what it refuses, and for what it stumbles over. */
function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof BadFile) throw error;
    const { message } = error as Error;
    throw new BadFile(message.startsWith('parquet ') ? `it cannot be read: ${message}` : 'it is damaged');
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** Throws UserError AMP7020 for a file that is damaged or something else, AMP6110. */
export function openParquet(path: string): ParquetFile {
  return withFile(path, (file) => {
    const { size, mtimeMs } = fstatSync(file);
    if (size < MAGIC.length + TAIL) throw new BadFile(size === 0 ? 'it is empty' : 'it is no Parquet file');
    const head = text(readAt(file, 0, Math.min(size, 40), size));
    // What a clone without Git LFS leaves.
    if (head.startsWith('version https://git-lfs'))
      throw new BadFile('it is a pointer of Git LFS to the file', 'fetch the file with `git lfs pull`');
    if (!head.startsWith(MAGIC)) throw new BadFile('it is no Parquet file');
    const tail = readAt(file, size - TAIL, size, size);
    if (text(tail.subarray(4)) !== MAGIC) throw new BadFile('it is cut short: its end is missing');
    const length = new DataView(tail.buffer).getUint32(0, true);
    const footer = readAt(file, size - TAIL - length, size, size);
    return reading(() => {
      const { parquetMetadata, parquetSchema } = library();
      const metadata = parquetMetadata(footer);
      const groups = metadata.row_groups.map(({ num_rows: rows }) => Number(rows));
      if (!groups.every((rows) => Number.isSafeInteger(rows) && rows >= 0)) throw new BadFile('it is damaged');
      return { path, size, mtimeMs, schema: parquetSchema(metadata), groups, metadata };
    });
  });
}

/**
 * The values of one column in a group of rows, one a row; undefined where there is none. Bytes are not taken for text. Throws UserError
 * AMP7019 for a file that changed since it was opened, AMP7020, AMP6110.
 */
export function readColumn(file: ParquetFile, group: number, column: readonly string[]): unknown[] {
  return withFile(file.path, (descriptor) => {
    const { size, mtimeMs } = fstatSync(descriptor);
    if (size !== file.size || mtimeMs !== file.mtimeMs) throw changedFile(file.path);
    const rows = file.groups[group]!;
    const chunks = file.metadata.row_groups[group]!.columns.map((chunk) => chunk.meta_data);
    const found = chunks.find((chunk) => JSON.stringify(chunk?.path_in_schema) === JSON.stringify(column));
    if (found === undefined) throw new BadFile(`its column ${column.join('.')} has no rows, or is encrypted`);
    if (!PACKINGS.includes(found.codec)) {
      const newer = found.codec === 'ZSTD' ? '; Node.js 22.15 and later read ZSTD too' : '';
      throw new BadFile(
        `its column ${column.join('.')} is packed with ${found.codec}`,
        `write it again, packed in a way that is read here: ${PACKINGS.join(', ')}${newer}`,
      );
    }
    if (rows === 0) return [];
    const start = Number(found.dictionary_page_offset || found.data_page_offset);
    const bytes = readAt(descriptor, start, start + Number(found.total_compressed_size), size);
    return reading(() => {
      const { getTreePath, getMaxDefinitionLevel } = library();
      const path = getTreePath(file.schema, [...column]);
      return readPages(bytes, { element: path.at(-1)!.element, chunk: found, level: getMaxDefinitionLevel(path) }, rows);
    });
  });
}
