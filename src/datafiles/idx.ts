import { BadFile } from './bad-file.js';

/** An array of bytes, row-major. */
export interface ByteArray {
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const UNSIGNED_BYTES = 8;
const MOST_AXES = 4;

/** The shape in the header of an IDX file, and where its values begin. Throws BadFile. */
export function readIdxHeader(bytes: Uint8Array): { readonly shape: readonly number[]; readonly at: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 4 || view.getUint16(0) !== 0) throw new BadFile('it is no IDX file: it does not begin with two zero bytes');
  const [type, axes] = [view.getUint8(2), view.getUint8(3)];
  if (type !== UNSIGNED_BYTES) throw new BadFile(`its values are of type 0x${type.toString(16)}, not bytes (0x8)`);
  const at = 4 + 4 * axes;
  if (axes === 0 || axes > MOST_AXES || bytes.length < at) throw new BadFile(`it has ${axes} axes, not 1 to ${MOST_AXES}`);
  return { shape: Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis)), at };
}

/** An IDX file of bytes (LeCun's format of MNIST), unpacked. Throws BadFile. */
export function readIdx(bytes: Uint8Array): ByteArray {
  const { shape, at } = readIdxHeader(bytes);
  const values = shape.reduce((product, size) => product * size, 1);
  if (bytes.length - at !== values)
    throw new BadFile(`it has ${bytes.length - at} values, and its header says ${shape.join(' x ')}; it was probably cut short`);
  return { shape, bytes: bytes.subarray(at) };
}
