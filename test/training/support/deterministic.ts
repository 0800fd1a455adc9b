import { elementCount } from '../../../src/ir/types.js';
import type { Plan } from '../../../src/plan/plan.js';
import { fnv1a32 } from '../../../src/random/threefry.js';
import { planStates } from '../../../src/training/states.js';

const CELL = 4;
const SCENE = 128;

/** MurmurHash3's 32-bit finalizer. */
function mix(word: number): number {
  let x = word;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** The words of the stream of that name. */
function stream(name: string): (index: number) => number {
  const key = mix(fnv1a32(name));
  return (index) => mix(index ^ key);
}

export interface Batch {
  /** u8[size, side, side, 3] */
  readonly image: Uint8Array;
  readonly label: Int32Array;
}

/** The batch of a 0-based step, as test/fixtures/pytorch/deterministic.py makes it (and says why it looks so). */
export function deterministicBatch(step: number, size: number, side: number, share: number): Batch {
  const labels = stream('label');
  const classes = stream('class');
  const scenes = stream('scene');
  const noise = stream('noise');
  const image = new Uint8Array(size * side * side * 3);
  const label = new Int32Array(size);
  const cells = side / CELL;
  let at = 0;
  for (let n = 0; n < size; n += 1) {
    const index = step * size + n;
    const k = labels(index) % 10;
    label[n] = k;
    for (let y = 0; y < side; y += 1) {
      for (let x = 0; x < side; x += 1) {
        for (let c = 0; c < 3; c += 1) {
          const cell = (Math.floor(y / CELL) * cells + Math.floor(x / CELL)) * 3 + c;
          const area = cells * cells * 3;
          const square = share * (classes(k * area + cell) >>> 24) + SCENE * (scenes(index * area + cell) >>> 24);
          image[at] = (square + (256 - share - SCENE) * (noise(step * image.length + at) >>> 24)) >> 8;
          at += 1;
        }
      }
    }
  }
  return { image, label };
}

/** States at step 0: uniform ones from the same hashes as in PyTorch's script, constants as the plan says. */
export function deterministicStates(plan: Plan): Map<string, Float32Array | Int32Array> {
  const values = new Map<string, Float32Array | Int32Array>();
  for (const { name, dtype, shape, init, value } of planStates(plan)) {
    const data = dtype === 'i32' ? new Int32Array(elementCount(shape)) : new Float32Array(elementCount(shape));
    const word = stream(name);
    values.set(name, init === 'constant' ? data.fill(value) : data.map((_, i) => (2 * (word(i) >>> 8) * 2 ** -24 - 1) * value));
  }
  return values;
}

/** f32 numbers in [-bound, bound), as `uniform` of the script makes them. */
export function uniform(name: string, count: number, bound: number): Float32Array {
  const word = stream(name);
  return Float32Array.from({ length: count }, (_, i) => (2 * (word(i) >>> 8) * 2 ** -24 - 1) * bound);
}
