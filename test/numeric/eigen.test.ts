import assert from 'node:assert/strict';
import { eigenOf } from '../../src/numeric/eigen.js';
import { normalAt } from '../../src/random/normal.js';

const product = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((sum, x, i) => sum + x * b[i]!, 0);

/** A symmetric matrix of normal numbers, row-major. */
function symmetric(size: number, seed: number): number[] {
  return Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    return normalAt(seed, 1, Math.min(i, j) * size + Math.max(i, j), 0);
  });
}

describe('the eigenvectors of a symmetric matrix', () => {
  it('are orthonormal, and the matrix only stretches them, from the most to the least', () => {
    for (const size of [1, 2, 3, 12, 27]) {
      const matrix = symmetric(size, size);
      const { values, vectors } = eigenOf(matrix);
      assert.deepEqual(
        [...values],
        [...values].sort((a, b) => b - a),
      );
      for (const [k, vector] of vectors.entries()) {
        for (let i = 0; i < size; i += 1)
          assert.ok(Math.abs(product(matrix.slice(i * size, (i + 1) * size), vector) - values[k]! * vector[i]!) < 1e-12 * size);
        for (const [l, other] of vectors.entries()) assert.ok(Math.abs(product(vector, other) - Number(k === l)) < 1e-13);
      }
    }
  });

  it('have a positive element where they are largest', () => {
    for (let seed = 0; seed < 20; seed += 1)
      for (const vector of eigenOf(symmetric(5, seed)).vectors) {
        const largest = vector.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        assert.ok(vector.includes(largest));
      }
  });

  it('are found where values are the same, and of nothing', () => {
    assert.deepEqual(eigenOf([2, 0, 0, 2]), { values: [2, 2], vectors: [Float64Array.of(1, 0), Float64Array.of(0, 1)] });
    assert.deepEqual(eigenOf([0, 0, 0, 0]).values, [0, 0]);
    const ones = eigenOf(Array.from({ length: 9 }, () => 1));
    assert.ok(Math.abs(ones.values[0]! - 3) < 1e-15 && Math.abs(ones.values[2]!) < 1e-15);
  });
});
