import { diracAt, orthogonal } from './initial-matrix.js';
import { normalAt, truncatedNormalAt } from './normal.js';
import { fnv1a32, threefry2x32, uniform01 } from './threefry.js';

/** How a state starts: the attributes of a `state` node that matter here. */
export interface InitialValue {
  readonly name: string;
  readonly init: InitialKind;
  /** By kind: the constant, the bound of [-value, value), the standard deviation, the gain, or the number of groups. */
  readonly value: number;
  /** Of `truncated_normal`: the largest magnitude. */
  readonly limit?: number | undefined;
}

export const INITIAL_KINDS = ['constant', 'uniform', 'normal', 'truncated_normal', 'orthogonal', 'dirac'] as const;
export type InitialKind = (typeof INITIAL_KINDS)[number];

/** The first value of a state, in row-major order: a function of its name, its shape and the run's seed alone. */
export function initialState(
  { name, init, value, limit = Number.POSITIVE_INFINITY }: InitialValue,
  shape: readonly number[],
  seed: number,
) {
  const count = shape.reduce((product, size) => product * size, 1);
  const result = new Float32Array(count);
  const stream = fnv1a32(name);
  switch (init) {
    case 'constant':
      return result.fill(value);
    case 'uniform':
      for (let i = 0; i < count; i += 2) {
        const words = threefry2x32(seed, stream, i >>> 1, 0);
        result[i] = (2 * uniform01(words[0]) - 1) * value;
        if (i + 1 < count) result[i + 1] = (2 * uniform01(words[1]) - 1) * value;
      }
      return result;
    case 'normal':
      return result.map((_, i) => value * normalAt(seed, stream, i, 0));
    case 'truncated_normal':
      return result.map((_, i) => truncatedNormalAt({ std: value, limit }, seed, stream, i));
    case 'orthogonal': {
      const columns = shape.at(-1)!;
      return orthogonal(count / columns, columns, (i) => normalAt(seed, stream, i, 0)).map((x) => value * x);
    }
    case 'dirac':
      return result.map((_, i) => (diracAt(i, shape, value) ? 1 : 0));
  }
}
