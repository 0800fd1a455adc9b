import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { EarlyStopSpec } from '../../src/ir/early-stop.js';
import type { BestEpoch } from '../../src/training/checkpoint-metadata.js';
import { stalled, withEpoch } from '../../src/training/early-stop.js';
import type { EpochEvent } from '../../src/training/events.js';
import { type TrainOptions, type TrainResult, train } from '../../src/training/loop.js';
import { FakeExecutable, fakeDataset, fakePlan, fakeRecipe, inTemporaryFolder, readMetrics } from './support/fake.js';

const epochOf = (values: Partial<EpochEvent>): EpochEvent => values as EpochEvent;

/** The epoch that a run ends with whose epochs have these values; undefined: it goes on. */
function endOf(spec: EarlyStopSpec, epochs: readonly Partial<EpochEvent>[]) {
  let bestEpoch: BestEpoch | undefined;
  for (const [index, values] of epochs.entries()) {
    const epoch = index + 1;
    bestEpoch = withEpoch(bestEpoch, epochOf({ epoch, ...values }), spec);
    const end = stalled(spec, { bestEpoch, epoch, stepInEpoch: 0 });
    if (end !== undefined) return end;
  }
  return undefined;
}

const losses = (...values: number[]): Partial<EpochEvent>[] => values.map((test_loss) => ({ test_loss }));

describe('early stopping', () => {
  it('ends a run behind so many epochs without a better value', () => {
    const spec: EarlyStopSpec = { metric: 'test_loss', patience: 2, minDelta: 0 };
    assert.deepEqual(endOf(spec, losses(3, 2, 2, 2.5, 1)), { metric: 'test_loss', best: 2, best_epoch: 2, epoch: 4, patience: 2 });
    assert.equal(endOf(spec, losses(3, 2, 2.5, 1, 1.5)), undefined);
    assert.equal(endOf({ ...spec, minDelta: 0.5 }, losses(3, 2.6, 2.5, 1))?.best_epoch, 1);
    assert.equal(endOf(spec, losses(3, Number.NaN, Number.NaN))?.best, 3);
  });

  it('watches what it is told to', () => {
    const epochs = [0.5, 0.6, 0.55].map((accuracy, i) => ({ validation_loss: 1, test_loss: 3 - i, validation_accuracy: accuracy }));
    assert.equal(endOf({ patience: 1, minDelta: 0, metric: 'validation_loss' }, epochs)?.epoch, 2);
    assert.equal(endOf({ patience: 1, minDelta: 0, metric: 'test_loss' }, epochs), undefined);
    assert.deepEqual(endOf({ patience: 1, minDelta: 0, metric: 'validation_accuracy' }, epochs), {
      ...{ metric: 'validation_accuracy', best: 0.6, best_epoch: 2, epoch: 3, patience: 1 },
    });
  });

  /** No value is ever better by 1e9. */
  async function part(run: string, patience: number, more: Partial<TrainOptions> = {}): Promise<TrainResult> {
    const recipe = fakeRecipe({ earlyStop: { metric: 'test_loss', patience, minDelta: 1e9 } });
    return train({ plan: fakePlan(), executable: new FakeExecutable(), recipe, dataset: fakeDataset(), run, epochs: 9, ...more });
  }

  it('ends a run as one that is done, which its metrics say, whether or not it was interrupted', () =>
    inTemporaryFolder(async (dir) => {
      const [run, whole] = [join(dir, 'run'), join(dir, 'whole')];
      await part(run, 2, { maxSteps: 14 });
      for (const result of [await part(run, 2, { resume: true }), await part(whole, 2)])
        assert.deepEqual([result.epochs, result.steps, result.interrupted], [3, 30, false]);
      const metrics = await readMetrics(run);
      assert.deepEqual(metrics, await readMetrics(whole));
      const { event, early_stop } = metrics.at(-1)!;
      const { best: _, ...rest } = early_stop as Record<string, unknown>;
      assert.deepEqual([event, rest], ['done', { metric: 'test_loss', best_epoch: 1, epoch: 3, patience: 2 }]);
    }));

  it('goes on where it is asked for more patience', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      await part(run, 1);
      assert.equal((await part(run, 1, { resume: true })).epochs, 2);
      assert.equal((await part(run, 4, { resume: true })).epochs, 5);
    }));
});
