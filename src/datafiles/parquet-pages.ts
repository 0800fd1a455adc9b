import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import type { ColumnMetaData, Compressors, DataReader, SchemaElement } from 'hyparquet';
import { BadFile } from './bad-file.js';
import { unpackRuns } from './parquet-levels.js';

const require = createRequire(import.meta.url);

/** Loaded by whoever reads such a file: programs about other data do not wait for it. */
const library = () => ({
  ...(require('hyparquet/src/column.js') as typeof import('hyparquet/src/column.js')),
  ...(require('hyparquet/src/datapage.js') as typeof import('hyparquet/src/datapage.js')),
  ...(require('hyparquet/src/plain.js') as typeof import('hyparquet/src/plain.js')),
});

/** Node has zstd since 22.15. */
const { zstdDecompressSync } = zlib as { readonly zstdDecompressSync?: typeof zlib.brotliDecompressSync };

/** How pages are unpacked, besides Snappy, which the library has. */
const COMPRESSORS: Compressors = {
  GZIP: (input, maxOutputLength) => zlib.gunzipSync(input, { maxOutputLength }),
  BROTLI: (input, maxOutputLength) => zlib.brotliDecompressSync(input, { maxOutputLength }),
  ...(zstdDecompressSync && { ZSTD: (input: Uint8Array, maxOutputLength: number) => zstdDecompressSync(input, { maxOutputLength }) }),
};

export const PACKINGS: readonly string[] = ['UNCOMPRESSED', 'SNAPPY', ...Object.keys(COMPRESSORS)];

const DICTIONARY = ['PLAIN_DICTIONARY', 'RLE_DICTIONARY'];

/** No page is larger, packed or not. */
const MOST_BYTES = 2 ** 31 - 1;

export interface Column {
  readonly element: SchemaElement;
  readonly chunk: ColumnMetaData;
  /** How many of the column and the structs around it may be left out; a value that is there has this level. */
  readonly level: number;
}

function readerOf(bytes: Uint8Array): DataReader {
  return { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
}

/** Numbers of the header of a page are trusted in no way: what they would allocate or repeat has to fit the bytes that there are. */
function bounded(value: number | undefined, most: number): number {
  if (value === undefined || !Number.isInteger(value) || value < 0 || value > most) throw new BadFile('it is damaged');
  return value;
}

/**
 * The values of `rows` rows in the pages of a chunk; undefined for one that is left out. Of the library come the headers, what is
 * packed and plain values; levels and places in a dictionary are read here, within bounds. Throws BadFile, and what the library throws.
 */
export function readPages(bytes: Uint8Array, { element, chunk, level }: Column, rows: number): unknown[] {
  const { parquetHeader, decompressPage, readPlain } = library();
  const { type, type_length: length } = element;
  if (type === undefined) throw new BadFile('it is damaged');
  const unpack = (packed: Uint8Array, size: number): Uint8Array => decompressPage(packed, size, chunk.codec, COMPRESSORS);
  const plain = (page: Uint8Array, count: number): ArrayLike<unknown> =>
    // Four bytes are the least that a number, or the length of a text, takes.
    readPlain(readerOf(page), type, bounded(count, page.length / 4), length);
  const values: unknown[] = [];
  let dictionary: ArrayLike<unknown> | undefined;
  const take = (page: Uint8Array, levels: Uint32Array | undefined, count: number, encoding: string): void => {
    const there = levels === undefined ? count : levels.reduce((sum, own) => sum + (own === level ? 1 : 0), 0);
    let next = 0;
    let found: (index: number) => unknown;
    if (encoding === 'PLAIN') {
      const read = plain(page, there);
      found = (index) => read[index];
    } else if (DICTIONARY.includes(encoding)) {
      const known = dictionary ?? [];
      const places = there === 0 ? new Uint32Array(0) : unpackRuns(page.subarray(1), page[0] ?? 0, there);
      if (places.some((place) => place >= known.length)) throw new BadFile('it is damaged');
      found = (index) => known[places[index]!];
    } else {
      throw new BadFile(
        `its column ${chunk.path_in_schema.join('.')} is encoded as ${encoding}`,
        'write it again with PLAIN values or dictionaries, which are read here',
      );
    }
    for (let row = 0; row < count; row++) values.push(levels === undefined || levels[row] === level ? found(next++) : undefined);
  };
  const width = level === 0 ? 0 : Math.ceil(Math.log2(level + 1));
  const reader = readerOf(bytes);
  while (values.length < rows) {
    const header = parquetHeader(reader);
    const packed = bytes.subarray(reader.offset, reader.offset + bounded(header.compressed_page_size, bytes.length - reader.offset));
    reader.offset += packed.length;
    const size = bounded(header.uncompressed_page_size, MOST_BYTES);
    const { dictionary_page_header: words, data_page_header: first, data_page_header_v2: second } = header;
    if (header.type === 'DICTIONARY_PAGE' && words !== undefined) {
      dictionary = plain(unpack(packed, size), words.num_values);
    } else if (header.type === 'DATA_PAGE' && first !== undefined) {
      const count = bounded(first.num_values, rows - values.length);
      const page = unpack(packed, size);
      if (level === 0) take(page, undefined, count, first.encoding);
      else {
        const end = 4 + bounded(readerOf(page).view.getUint32(0, true), page.length - 4);
        take(page.subarray(end), unpackRuns(page.subarray(4, end), width, count), count, first.encoding);
      }
    } else if (header.type === 'DATA_PAGE_V2' && second !== undefined) {
      const count = bounded(second.num_values, rows - values.length);
      bounded(second.repetition_levels_byte_length, 0);
      const end = bounded(second.definition_levels_byte_length, Math.min(packed.length, size));
      const rest = packed.subarray(end);
      const page = second.is_compressed === false || rest.length === 0 ? rest : unpack(rest, size - end);
      take(page, level === 0 ? undefined : unpackRuns(packed.subarray(0, end), width, count), count, second.encoding);
    } else if (header.type !== 'INDEX_PAGE') throw new BadFile('it is damaged');
  }
  return values;
}
