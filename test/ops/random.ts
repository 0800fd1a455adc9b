import type { SampleRandom } from '../../src/ops/op.js';
import { fnv1a32, uniformAt } from '../../src/random/threefry.js';

/** Random numbers that depend on a name and a seed alone. */
export function namedRandom(name: string, seed: number): SampleRandom {
  const stream = fnv1a32(name);
  let index = 0;
  const next = () => {
    index += 1;
    return uniformAt(seed, stream, index, 0);
  };
  const int = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return {
    int,
    real: (low, high) => low + next() * (high - low),
    pick: (values) => values[int(0, values.length - 1)],
  };
}
