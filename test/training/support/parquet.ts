import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type ParquetWriteOptions, parquetWriteBuffer } from 'hyparquet-writer';

/** A column of a file as Hugging Face writes it. */
export type Column =
  | { readonly kind: 'struct'; readonly bytes: readonly (Uint8Array | null)[] }
  | { readonly kind: 'binary'; readonly bytes: readonly Uint8Array[] }
  | { readonly kind: 'whole'; readonly numbers: readonly (number | null)[] }
  | { readonly kind: 'text'; readonly texts: readonly string[] };

type Schema = NonNullable<ParquetWriteOptions['schema']>;
type Data = ParquetWriteOptions['columnData'][number]['data'];

function schemaOf(name: string, column: Column): Schema {
  switch (column.kind) {
    case 'struct':
      return [
        { name, repetition_type: 'OPTIONAL', num_children: 2 },
        { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
      ];
    case 'binary':
      return [{ name, type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' }];
    case 'whole':
      return [{ name, type: 'INT64', repetition_type: 'OPTIONAL' }];
    case 'text':
      return [{ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' }];
  }
}

function dataOf(column: Column): Data {
  switch (column.kind) {
    case 'struct':
      return column.bytes.map((bytes, row) => ({ bytes, path: `${row}.png` }));
    case 'binary':
      return [...column.bytes];
    case 'whole':
      return column.numbers.map((value) => (value === null ? null : BigInt(value)));
    case 'text':
      return [...column.texts];
  }
}

export interface ParquetForm {
  readonly codec?: 'SNAPPY' | 'UNCOMPRESSED' | 'GZIP' | 'BROTLI' | 'LZ4';
  readonly rowGroupSize?: number;
  /** Names of the classes of a column, as the library `datasets` keeps them. */
  readonly names?: readonly [column: string, names: readonly string[]];
}

/** A Parquet file. */
export function parquet(
  columns: Readonly<Record<string, Column>>,
  { codec = 'SNAPPY', rowGroupSize = 2, names }: ParquetForm = {},
): Buffer {
  const entries = Object.entries(columns);
  const info = names && { info: { features: { [names[0]]: { names: names[1], _type: 'ClassLabel' } } } };
  const file = parquetWriteBuffer({
    columnData: entries.map(([name, column]) => ({ name, data: dataOf(column) })),
    schema: [{ name: 'schema', num_children: entries.length }, ...entries.flatMap(([name, column]) => schemaOf(name, column))],
    codec,
    compressors: { GZIP: (bytes) => gzipSync(bytes), BROTLI: (bytes) => brotliCompressSync(bytes), LZ4: (bytes) => bytes },
    rowGroupSize,
    ...(info && { kvMetadata: [{ key: 'huggingface', value: JSON.stringify(info) }] }),
  });
  return Buffer.from(file);
}
