import { fnv1a32, threefry2x32, uniform01 } from './threefry.js';

/** How a state starts: the attributes of a `state` node that matter here. */
export interface InitialValue {
  readonly name: string;
  /** `uniform` in [-value, value), or `constant`. */
  readonly init: string;
  readonly value: number;
}

/** The first value of a state, `count` elements in row-major order: a function of its name and the run's seed alone. */
export function initialState({ name, init, value }: InitialValue, count: number, seed: number): Float32Array {
  const result = new Float32Array(count);
  if (init === 'constant') return result.fill(value);
  if (init !== 'uniform') throw new Error(`state ${name} has the unknown init ${init}`);
  const stream = fnv1a32(name);
  for (let i = 0; i < count; i += 2) {
    const words = threefry2x32(seed, stream, i >>> 1, 0);
    result[i] = (2 * uniform01(words[0]) - 1) * value;
    if (i + 1 < count) result[i + 1] = (2 * uniform01(words[1]) - 1) * value;
  }
  return result;
}
