import assert from 'node:assert/strict';
import { type InitialValue, initialState } from '../../src/random/initial.js';

const SEED = 7;

function drawn(init: Omit<InitialValue, 'name'>, shape: readonly number[]): Float32Array {
  return initialState({ name: 'conv1.weight', ...init }, shape, SEED);
}

/** Mean and standard deviation. */
function moments(values: Float32Array): readonly [number, number] {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length)];
}

function assertMoments(values: Float32Array, std: number): void {
  const [mean, found] = moments(values);
  assert.ok(Math.abs(mean) < 0.02 * std, `mean ${mean}`);
  assert.ok(Math.abs(found / std - 1) < 0.01, `deviation ${found}, not ${std}`);
}

/** The product of a matrix [rows, columns] with its transpose, over its longer axis. */
function gram(matrix: Float32Array, rows: number, columns: number): number[] {
  const at = (row: number, column: number) => matrix[row * columns + column]!;
  const short = Math.min(rows, columns);
  const long = Math.max(rows, columns);
  const of = (v: number, i: number) => (rows >= columns ? at(i, v) : at(v, i));
  return Array.from({ length: short * short }, (_, k) => {
    let sum = 0;
    for (let i = 0; i < long; i += 1) sum += of(Math.floor(k / short), i) * of(k % short, i);
    return sum;
  });
}

describe('the initial values of a weight', () => {
  it('have the moments of their distribution', () => {
    assertMoments(drawn({ init: 'normal', value: 0.02 }, [100, 400]), 0.02);
    assertMoments(drawn({ init: 'uniform', value: 0.3 }, [100, 400]), 0.3 / Math.sqrt(3));
    // Within two deviations the normal distribution has 0.8796 of its own; within a small limit it is nearly uniform.
    assertMoments(drawn({ init: 'truncated_normal', value: 0.5, limit: 1 }, [100, 400]), 0.87963 * 0.5);
    assertMoments(drawn({ init: 'truncated_normal', value: 5, limit: 0.1 }, [100, 400]), 0.1 / Math.sqrt(3));
  });

  it('stay within the limit', () => {
    const values = drawn({ init: 'truncated_normal', value: 1, limit: 0.5 }, [3000]);
    assert.ok(values.every((x) => Math.abs(x) <= 0.5));
    assert.ok(values.some((x) => x > 0.49) && values.some((x) => x < -0.49));
  });

  it('have as many normal numbers beyond each bound as they should', () => {
    const values = drawn({ init: 'normal', value: 1 }, [40_000]);
    for (const [bound, share] of [
      [1, 0.3173],
      [2, 0.0455],
      [3, 0.0027],
    ] as const) // prettier-ignore
      assert.ok(Math.abs(values.filter((x) => Math.abs(x) > bound).length / 40_000 - share) < 3 * Math.sqrt(share / 40_000), `${bound}`);
  });

  it('are orthogonal, by rows or by columns, times the gain', () => {
    for (const [rows, columns] of [
      [12, 5],
      [5, 12],
      [7, 7],
    ] as const) {
      // prettier-ignore
      const matrix = drawn({ init: 'orthogonal', value: 2 }, [1, 1, rows, columns]);
      const short = Math.min(rows, columns);
      for (const [k, x] of gram(matrix, rows, columns).entries())
        assert.ok(Math.abs(x - (Math.floor(k / short) === k % short ? 4 : 0)) < 1e-5, `${rows}x${columns}: ${x}`);
    }
  });

  it('pass channels on in the middle of the window', () => {
    const values = drawn({ init: 'dirac', value: 2 }, [3, 2, 2, 4]);
    const ones = [...values.entries()].flatMap(([i, x]) => (x === 1 ? [i] : []));
    // Row 1 of 3, column 1 of 2: input d of either group to its output d.
    const at = (input: number, output: number) => ((1 * 2 + 1) * 2 + input) * 4 + output;
    assert.deepEqual(ones, [at(0, 0), at(0, 2), at(1, 1), at(1, 3)]);
    assert.ok(values.every((x) => x === 0 || x === 1));
  });

  it('start as something else where there is no channel to pass on', () => {
    const uniform = { init: 'uniform', value: 0.25 } as const;
    const values = drawn({ init: 'dirac', value: 2, rest: uniform }, [3, 3, 2, 6]);
    const others = drawn(uniform, [3, 3, 2, 6]);
    const plain = drawn({ init: 'dirac', value: 2 }, [3, 3, 2, 6]);
    // Each of the two groups has 3 outputs of 2 inputs.
    for (const [i, x] of values.entries()) assert.equal(x, (i % 6) % 3 < 2 ? plain[i] : others[i]);
    assert.ok(values.some((x) => x !== 0 && x !== 1));
  });

  it('whiten white noise without images: a basis times 1 / sqrt(1 + eps), and its negative', () => {
    const values = drawn({ init: 'whiten', value: 3 }, [2, 1, 3, 12]);
    const basis = Float32Array.from({ length: 36 }, (_, at) => values[12 * Math.floor(at / 6) + (at % 6)]!);
    for (const [k, x] of gram(basis, 6, 6).entries()) assert.ok(Math.abs(x - (Math.floor(k / 6) === k % 6 ? 0.25 : 0)) < 1e-6);
    assert.ok(values.every((x, at) => at % 12 >= 6 || values[at + 6] === -x));
  });

  it('are the same numbers for ever', () => {
    const first = (init: Omit<InitialValue, 'name'>) => [...drawn(init, [2, 2])].map((x) => x.toPrecision(6));
    assert.deepEqual(
      {
        uniform: first({ init: 'uniform', value: 1 }),
        normal: first({ init: 'normal', value: 1 }),
        truncated: first({ init: 'truncated_normal', value: 1, limit: 0.5 }),
        orthogonal: first({ init: 'orthogonal', value: 1 }),
      },
      {
        uniform: ['0.942123', '0.347875', '0.786607', '0.314190'],
        normal: ['-0.111462', '-0.215191', '-0.261815', '-0.396373'],
        truncated: ['0.471061', '0.393303', '-0.000142479', '0.404055'],
        orthogonal: ['-0.459930', '-0.887955', '-0.887955', '0.459930'],
      },
    );
  });
});
