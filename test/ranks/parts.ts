import { createHash } from 'node:crypto';
import type { WireType } from '../../src/ir/ranks.js';
import { namedRandom } from '../ops/random.js';

export const WIRES: readonly WireType[] = ['f32', 'bf16', 'f16'];

/** Fewer elements than ranks, as many, and what no number of ranks divides. */
export const LENGTHS: readonly number[] = [1, 3, 257];

/** Numbers of all sizes, of which some are beyond fp16, subnormal there, or halfway between two of its neighbours. */
export function partOfRank(rank: number, length: number): Float32Array {
  const random = namedRandom(`part ${rank}`, length);
  return Float32Array.from({ length }, (_, i) => {
    const sign = random.int(0, 1) * 2 - 1;
    const fraction = i % 3 === 0 ? 1 + (2 * random.int(0, 1023) + 1) / 2048 : 1 + random.int(0, 1 << 20) / (1 << 20);
    const exponent = random.int(-30, 16);
    // What is infinite in fp16 has one sign, for infinities of both have no sum.
    return (exponent < 15 ? sign : 1) * fraction * 2 ** exponent;
  });
}

export function sumText(wire: WireType, length: number, sum: Float32Array): string {
  const bytes = new Uint8Array(sum.buffer, sum.byteOffset, sum.byteLength);
  return `${wire} ${length} ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}
