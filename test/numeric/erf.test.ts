import assert from 'node:assert/strict';
import { erf } from '../../src/numeric/erf.js';

describe('erf', () => {
  it('agrees with tabulated values', () => {
    // Abramowitz and Stegun, table 7.1, and values from an arbitrary-precision evaluation beyond it.
    const table = [
      [0.1, 0.1124629160182849],
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [2, 0.9953222650189527],
      [2.5, 0.999593047982555],
      [3, 0.9999779095030014],
    ] as const;
    for (const [x, y] of table) {
      assert.ok(Math.abs(erf(x) - y) < 1e-14, `erf(${x}) = ${erf(x)}`);
      assert.equal(erf(-x), -erf(x));
    }
  });

  it('is continuous where the method changes, and ends at 1', () => {
    assert.ok(Math.abs(erf(2.5 - 1e-12) - erf(2.5)) < 1e-14);
    assert.equal(erf(Infinity), 1);
    assert.equal(erf(-Infinity), -1);
    assert.ok(Number.isNaN(erf(NaN)));
  });
});
