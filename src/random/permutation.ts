import { fnv1a32, threefry2x32 } from './threefry.js';

const STREAM = fnv1a32('shuffle');

/** The numbers 0..count-1 in an order that depends on the seed and the epoch alone (Fisher and Yates, as Durstenfeld wrote it). */
export function permutation(count: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; last > 0; last -= 1) {
    const [word] = threefry2x32(seed, STREAM, last, epoch);
    const other = Math.floor((word * (last + 1)) / 2 ** 32);
    const value = order[last];
    order[last] = order[other];
    order[other] = value;
  }
  return order;
}
