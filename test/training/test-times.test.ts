import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Recipe } from '../../src/ir/program.js';
import { isTested, type TestTimes, testsLeft } from '../../src/ir/test-times.js';
import { type TrainOptions, train } from '../../src/training/loop.js';
import { FakeExecutable, fakeDataset, fakePlan, fakeRecipe, inTemporaryFolder, readMetrics } from './support/fake.js';

const END: TestTimes = { kind: 'end' };
const THIRD: TestTimes = { kind: 'every', epochs: 3 };

describe('when a run is tested', () => {
  it('counts the tests that are left as it takes them', () => {
    for (const times of [undefined, END, THIRD, { kind: 'every', epochs: 1 }] as const)
      for (const epochs of [1, 3, 7])
        for (let done = 0; done <= epochs; done++) {
          const taken = Array.from({ length: epochs }, (_, i) => i + 1).filter((epoch) => isTested(times, epoch) || epoch === epochs);
          assert.equal(testsLeft(times, done, epochs), taken.filter((epoch) => epoch > done).length, `${times?.kind} ${done} of ${epochs}`);
        }
  });

  /** Of each epoch: whether it has scores of the test images, and those kept for choosing. */
  async function tested(run: string, settings: Partial<Recipe['train']>, more: Partial<TrainOptions> = {}) {
    const dataset = more.dataset ?? fakeDataset();
    await train({ plan: fakePlan(), executable: new FakeExecutable(), recipe: fakeRecipe(settings), dataset, run, epochs: 7, ...more });
    const metrics = await readMetrics(run);
    const epochs = metrics.filter(({ event }) => event === 'epoch');
    const done = metrics.at(-1)!;
    if (done.event === 'done') assert.equal(typeof done.test_loss, 'number');
    return epochs.map(({ test_loss, validation_loss }) => `${test_loss === null ? '-' : 't'}${validation_loss === undefined ? '' : 'v'}`);
  }

  it('tests every so many epochs, and the last one, whether or not the run is interrupted', () =>
    inTemporaryFolder(async (dir) => {
      const run = (name: string): string => join(dir, name);
      assert.deepEqual(await tested(run('end'), { test: END }), ['-', '-', '-', '-', '-', '-', 't']);
      assert.deepEqual(await tested(run('third'), { test: THIRD }), ['-', '-', 't', '-', '-', 't', 't']);
      const stopped = run('stopped');
      assert.deepEqual(await tested(stopped, { test: END }, { maxSteps: 20 }), ['-', 't']);
      assert.deepEqual(await tested(stopped, { test: THIRD }, { resume: true }), ['-', 't', 't', '-', '-', 't', 't']);
    }));

  it('judges by the images that are kept for it in every epoch, and tests the one that early stopping ends with', () =>
    inTemporaryFolder(async (dir) => {
      const data = fakeDataset();
      const dataset = { ...data, validation: data.test };
      const earlyStop = { metric: 'validation_loss', patience: 3, minDelta: 1e9 } as const;
      assert.deepEqual(await tested(join(dir, 'run'), { test: END, earlyStop }, { dataset }), ['-v', '-v', '-v', 'tv']);
    }));
});
