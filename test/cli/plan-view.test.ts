import assert from 'node:assert/strict';
import { formatChange, formatFlops } from '../../src/cli/plan-view.js';

describe('numbers of ampc plan', () => {
  it('say how much more or less', () => {
    assert.deepEqual(
      [
        [100, 105],
        [100, 50],
        [100, 100],
        [0, 0],
        [0, 5],
        [100, 5000],
        [1_000_000, 999_999],
        [1_000_000, 1_000_001],
      ].map(([before, after]) => formatChange(before, after)),
      ['+5.0 %', '-50.0 %', 'same', 'same', 'new', 'x 50', '> -0.1 %', '< +0.1 %'],
    );
  });

  it('have a unit that leaves digits', () => {
    assert.deepEqual([2_500, 1_234_567, 9_870_000_000].map(formatFlops), ['2.50 kFLOP', '1.23 MFLOP', '9.87 GFLOP']);
  });
});
