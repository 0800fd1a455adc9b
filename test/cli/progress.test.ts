import assert from 'node:assert/strict';
import { layOutProgress } from '../../src/cli/train-report.js';

const PROGRESS = {
  phase: 'train',
  epoch: 3,
  epochs: 10,
  done: 200,
  total: 781,
  step: 1762,
  loss: 1.23456,
  accuracy: 0.5678,
  leftOut: 0,
  lossScale: 65536,
  skipped: 0,
  imagesPerSecond: 3420.4,
  dataShare: 0,
  secondsLeft: 750,
} as const;

describe('the progress line', () => {
  it('says everything where there is room', () => {
    assert.deepEqual(layOutProgress(PROGRESS, 140), {
      what: 'epoch 3/10',
      facts: 'loss 1.2346  accuracy 56.8 %  scale 65536  3,420 images/s  12m30s left',
      bar: 24,
    });
  });

  it('names skipped steps, and no scale where there is none', () => {
    assert.equal(
      layOutProgress({ ...PROGRESS, lossScale: 1, skipped: 2, secondsLeft: undefined }, 140).facts,
      'loss 1.2346  accuracy 56.8 %  2 skipped  3,420 images/s',
    );
    assert.equal(layOutProgress({ ...PROGRESS, phase: 'test' }, 140).what, 'testing');
  });

  it('says how long steps wait for their data, where that is long', () => {
    assert.match(layOutProgress({ ...PROGRESS, dataShare: 0.123 }, 140).facts, /3,420 images\/s {2}data 12 % {2}12m30s left/);
    assert.doesNotMatch(layOutProgress({ ...PROGRESS, dataShare: 0.04 }, 140).facts, /data/);
  });

  it('fits a terminal of 80 columns', () => {
    const { what, facts, bar } = layOutProgress(PROGRESS, 80);
    assert.ok(`${what} ${'='.repeat(bar)} 100%  ${facts}`.length <= 80);
    assert.ok(bar >= 4);
    assert.match(facts, /loss .*acc .*scale .*\/s .* left/);
  });
});
