import { BadFile } from './bad-file.js';

/** A varint (unsigned LEB128) of at most 32 bits, and where it ends. */
function varint(bytes: Uint8Array, at: number): readonly [value: number, end: number] {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
  throw new BadFile('it is damaged');
}

/**
 * Whole numbers of `width` bits (0 to 32), run-length encoded or packed, as Parquet keeps levels and places in a dictionary. A run may be
 * longer than what is left to read. Throws BadFile where the bytes end before `count` numbers.
 */
export function unpackRuns(bytes: Uint8Array, width: number, count: number): Uint32Array {
  if (width > 32) throw new BadFile('it is damaged');
  const numbers = new Uint32Array(count);
  const bytesOf = Math.ceil(width / 8);
  let seen = 0;
  let at = 0;
  const bits = (first: number): number => {
    let value = 0;
    for (let bit = 0; bit < width; bit++) {
      const place = first + bit;
      const byte = bytes[Math.floor(place / 8)];
      if (byte === undefined) throw new BadFile('it is damaged');
      value += ((byte >> (place % 8)) & 1) * 2 ** bit;
    }
    return value;
  };
  while (seen < count) {
    const [header, start] = varint(bytes, at);
    const run = Math.floor(header / 2);
    if (header % 2 === 0) {
      if (run === 0) throw new BadFile('it is damaged');
      const value = bits(8 * start) % 2 ** width;
      numbers.fill(value, seen, Math.min(count, seen + run));
      seen += run;
      at = start + bytesOf;
    } else {
      if (run === 0) throw new BadFile('it is damaged');
      const within = Math.min(count - seen, 8 * run);
      for (let index = 0; index < within; index++) numbers[seen + index] = bits(8 * start + index * width);
      seen += within;
      at = start + run * width;
    }
  }
  return numbers;
}
