import { crc32, deflateRawSync } from 'node:zlib';

function withHeader(descr: string, shape: readonly number[], values: Uint8Array): Buffer {
  const sizes = `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${sizes}, }`;
  const header = text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11, ' ');
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length + 1);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(`${header}\n`), values]);
}

/** A .npy file of bytes. */
export function npy(shape: readonly number[], values: Uint8Array): Buffer {
  return withHeader('|u1', shape, values);
}

/** A .npy file of whole numbers, as numpy writes them by default. */
export function npyIntegers(values: readonly number[], shape: readonly number[] = [values.length]): Buffer {
  const bytes = new BigInt64Array(values.map(BigInt));
  return withHeader('<i8', shape, new Uint8Array(bytes.buffer));
}

/** A .npy file of real numbers, as numpy writes them by default. */
export function npyReals(values: readonly number[], shape: readonly number[] = [values.length]): Buffer {
  return withHeader('<f8', shape, new Uint8Array(Float64Array.from(values).buffer));
}

/** A .npy file of texts. */
export function npyTexts(values: readonly string[]): Buffer {
  const longest = Math.max(...values.map((value) => value.length));
  const points = values.flatMap((value) => Array.from({ length: longest }, (_, at) => value.codePointAt(at) ?? 0));
  return withHeader(`<U${longest}`, [values.length], new Uint8Array(Uint32Array.from(points).buffer));
}

/** A zip archive, as numpy.savez_compressed writes it. */
export function zip(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const packed = deflateRawSync(bytes);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), packed]);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, tail, Buffer.from(name)]));
    parts.push(local);
    at += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(directory.length, 4);
  end.writeUInt16LE(directory.length, 6);
  end.writeUInt32LE(entries.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...parts, entries, Buffer.from('PK\x05\x06', 'latin1'), end]);
}
