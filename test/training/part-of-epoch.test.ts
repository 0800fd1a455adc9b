import assert from 'node:assert/strict';
import { join } from 'node:path';
import { stepsOfRun } from '../../src/ir/epoch.js';
import type { Recipe } from '../../src/ir/program.js';
import { type TrainOptions, train } from '../../src/training/loop.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { FakeExecutable, fakeDataset, fakePlan, fakeRecipe, inTemporaryFolder, readMetrics } from './support/fake.js';

/** Ten steps an epoch. */
async function part(run: string, epochs: number, more: Partial<TrainOptions> = {}, spec: Partial<Recipe['train']> = {}) {
  const recipe = fakeRecipe({ schedule: { kind: 'constant' }, ...spec });
  const shared = { plan: fakePlan(), executable: new FakeExecutable(), recipe, dataset: fakeDataset(), run, logEvery: 1 };
  return train({ ...shared, epochs, ...more });
}

async function outcome(run: string): Promise<unknown> {
  const tensors = await Promise.all(
    ['checkpoint', 'last', 'best'].map(async (name) => (await readSafetensors(join(run, `${name}.safetensors`))).tensors),
  );
  return { tensors, metrics: await readMetrics(run) };
}

describe('a run of epochs that are not whole', () => {
  it('ends behind the step in which the last one would', () => {
    // airbench94: 9.9 epochs of 48 steps.
    assert.equal(stepsOfRun(48, 9.9), 476);
    for (const [epochs, steps] of [
      [1, 10],
      [0.7, 7],
      [2.9, 29],
      [0.71, 8],
      [0.001, 1],
    ] as const) // prettier-ignore
      assert.equal(stepsOfRun(10, epochs), steps);
  });

  it('tests and reports what it trained of the last one', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      const result = await part(run, 1.25);
      assert.deepEqual([result.steps, result.epochs, result.interrupted], [13, 2, false]);
      const metrics = await readMetrics(run);
      const epochs = metrics.filter(({ event }) => event === 'epoch');
      assert.deepEqual(
        epochs.map(({ epoch }) => epoch),
        [1, 2],
      );
      assert.ok(typeof epochs[1]!.test_accuracy === 'number');
      const losses = metrics.filter(({ event, epoch }) => event === 'step' && epoch === 2).map(({ loss }) => Number(loss));
      assert.equal(losses.length, 3);
      assert.ok(Math.abs(Number(epochs[1]!.train_loss) - losses.reduce((sum, loss) => sum + loss, 0) / 3) < 1e-6);
      assert.deepEqual([metrics.at(-1)?.event, metrics.at(-1)?.steps], ['done', 13]);
    }));

  it('goes on to the same bits and lines when it is interrupted, and changes nothing when it is done', () =>
    inTemporaryFolder(async (dir) => {
      await part(join(dir, 'whole'), 2.4);
      const run = join(dir, 'run');
      for (const maxSteps of [4, 13, 22, undefined, undefined])
        await part(run, 2.4, { resume: maxSteps !== 4, ...(maxSteps !== undefined && { maxSteps }) });
      assert.deepEqual(await outcome(run), await outcome(join(dir, 'whole')));
    }));

  it('may be asked for more, within the last epoch and beyond: it ends as if so many had been asked for at first', () =>
    inTemporaryFolder(async (dir) => {
      for (const epochs of [1.8, 3]) {
        const [run, whole] = [join(dir, `run-${epochs}`), join(dir, `whole-${epochs}`)];
        await part(whole, epochs);
        await part(run, 1.3);
        await part(run, epochs, { resume: true, epochsBefore: 1.3 });
        assert.deepEqual(await outcome(run), await outcome(whole));
      }
    }));
});
