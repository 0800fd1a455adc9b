import { gzipSync } from 'node:zlib';
import { put } from './pictures.js';

/** An IDX file of bytes. */
export function idx(shape: readonly number[], values: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [axis, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([header, values]);
}

/** The four files of MNIST with six training and three test images; pixel `at` of an image is its label plus `at`. */
export function tinyMnist(folder: string, packed: boolean, side = 28): void {
  for (const [split, count] of [
    ['train', 6],
    ['t10k', 3],
  ] as const) {
    const pixels = Uint8Array.from({ length: count * side * side }, (_, at) => (at % (side * side)) + Math.floor(at / (side * side)));
    const files = {
      [`${split}-images-idx3-ubyte`]: idx([count, side, side], pixels),
      [`${split}-labels-idx1-ubyte`]: idx(
        [count],
        Uint8Array.from({ length: count }, (_, label) => label),
      ),
    };
    for (const [name, bytes] of Object.entries(files)) put(folder, packed ? `${name}.gz` : name, packed ? gzipSync(bytes) : bytes);
  }
}
