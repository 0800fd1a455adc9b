import { diracAt, orthogonal, passesOn } from './initial-matrix.js';
import { normalAt, truncatedNormalAt } from './normal.js';
import { fnv1a32, threefry2x32, uniform01 } from './threefry.js';

/** How a state starts: the attributes of a `state` node that matter here. */
export interface InitialValue {
  readonly name: string;
  readonly init: InitialKind;
  /** By kind: the constant, the bound of [-value, value), the standard deviation, the gain, the number of groups, or eps. */
  readonly value: number;
  /** Of `truncated_normal`: the largest magnitude. */
  readonly limit?: number | undefined;
  /** Of `dirac`: how the outputs start that pass nothing on; left out: as 0. */
  readonly rest?: Pick<InitialValue, 'init' | 'value'> | undefined;
  /** Of `whiten`: how many training images are looked at. */
  readonly images?: number | undefined;
}

export const INITIAL_KINDS = ['constant', 'uniform', 'normal', 'truncated_normal', 'orthogonal', 'dirac', 'whiten'] as const;
export type InitialKind = (typeof INITIAL_KINDS)[number];

/**
 * The first value of a state, in row-major order: a function of its name, its shape and the run's seed alone. `whiten` is what it would be
 * of white noise, an orthonormal basis and its negatives; with images, `whitenedStates` of training has it of those.
 */
export function initialState(
  { name, init, value, limit = Number.POSITIVE_INFINITY, rest }: InitialValue,
  shape: readonly number[],
  seed: number,
): Float32Array<ArrayBuffer> {
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
    case 'dirac': {
      const others = rest === undefined ? result : initialState({ name, ...rest, limit }, shape, seed);
      return others.map((other, i) => (passesOn(i, shape, value) ? Number(diracAt(i, shape, value)) : other));
    }
    case 'whiten': {
      const size = count / shape.at(-1)!;
      const basis = orthogonal(size, size, (i) => normalAt(seed, stream, i, 0));
      return signed(basis.map((x) => x / Math.sqrt(1 + value)));
    }
  }
}

/** A square matrix beside its negative, row-major. */
export function signed(matrix: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const size = Math.sqrt(matrix.length);
  return Float32Array.from({ length: 2 * matrix.length }, (_, at) => {
    const [row, column] = [Math.floor(at / (2 * size)), at % (2 * size)];
    return column < size ? matrix[row * size + column]! : -matrix[row * size + column - size]!;
  });
}
