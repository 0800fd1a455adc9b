import assert from 'node:assert/strict';
import { policyTable, predictionError, slowerThanBest } from '../../bench/policy-table.js';
import type { Tuning } from '../../src/index.js';

/** One round: measured milliseconds by plan, what was taken, and what was predicted of it. */
function round(measured: Readonly<Record<string, number>>, taken: Tuning['taken'], predicted: number): Tuning {
  const candidates = Object.entries(measured).map(([name, measured_ms]) => {
    const predicted_ms = name === taken ? predicted : measured_ms;
    return { name: name as Tuning['taken'], predicted_ms, kernels_ms: measured_ms, measured_ms, measured_median_ms: measured_ms };
  });
  const fixed = {
    model: 'Net',
    backend: 'cpu',
    precision: 'fp16',
    batch: 8,
    costs: 'here',
    layers: [],
    rest: { low_ms: 0, full_ms: 0 },
  } as const;
  return { ...fixed, bandwidth: 1, candidates, taken, best: taken, lines: [] };
}

describe('the table of policies', () => {
  const good = round({ mixed: 4, fp32: 5, autocast: 6, 'min-cut': 3.9 }, 'min-cut', 4.2);
  const bad = round({ mixed: 4, fp32: 5, autocast: 6 }, 'fp32', 5);

  it('compares what was taken with the best that rules make', () => {
    assert.ok(Math.abs(slowerThanBest(good) - (3.9 / 4 - 1)) < 1e-12);
    assert.equal(slowerThanBest(bad), 0.25);
    assert.ok(Math.abs(predictionError(good) - (4.2 / 3.9 - 1)) < 1e-12);
  });

  it('has a row for each model, judged by the median round', () => {
    const table = policyTable([
      { model: 'Good', rounds: [good, good, bad] },
      { model: 'Bad', rounds: [bad] },
    ]);
    const rows = table.split('\n').slice(2);
    assert.match(
      rows[0],
      /^\| Good, batch 8 \| fp16 \| min-cut \(2\), fp32 \(1\) \| 5\.00 \| 6\.00 \| 4\.00 \| 3\.90 \| -2\.5 % \| .* \| met \|$/,
    );
    assert.match(
      rows[1],
      /^\| Bad, batch 8 \| fp16 \| fp32 \| 5\.00 \| 6\.00 \| 4\.00 \| - \| \+25\.0 % \| 5\.00 \| \+0\.0 % \| \+0\.0 % \| missed \|$/,
    );
  });
});
