import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TrainOptions, train } from '../../src/training/loop.js';
import { NO_OVERFLOW, type Overflow, overflowText } from '../../src/training/overflow/overflow.js';
import { TRACES_PER_EPOCH } from '../../src/training/overflow/watch.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { FakeExecutable, fakeDataset, fakePlan, fakeRecipe, inTemporaryFolder, readMetrics } from './support/fake.js';

interface Outcome {
  readonly executable: FakeExecutable;
  readonly tensors: unknown;
  readonly metrics: readonly Record<string, unknown>[];
}

async function run(dir: string, overflow: (step: number) => boolean, more: Partial<TrainOptions> = {}, accumulate = 1): Promise<Outcome> {
  const plan = fakePlan({ accumulate });
  const executable = new FakeExecutable(plan);
  executable.overflow = overflow;
  const recipe = fakeRecipe({ accumulate, epochs: 2 });
  await train({ plan, executable, recipe, dataset: fakeDataset(), run: dir, logEvery: 1000, ...more });
  const { tensors } = await readSafetensors(join(dir, 'last.safetensors'));
  return { executable, tensors, metrics: await readMetrics(dir) };
}

const overflows = ({ metrics }: Outcome) => metrics.filter(({ event }) => event === 'overflow');

describe('looking into skipped steps', () => {
  for (const accumulate of [1, 3])
    it(`takes the states back to where the step began, and leaves no trace in them (${accumulate} micro-batches a step)`, () =>
      inTemporaryFolder(async (dir) => {
        const skips = (step: number) => step === accumulate * 2 - 1 || step === accumulate * 6 - 1;
        // Results come once an epoch: by then later steps have changed the states.
        const late = await run(join(dir, 'late'), skips, {}, accumulate);
        const early = await run(join(dir, 'early'), skips, { logEvery: 1 }, accumulate);
        assert.deepEqual(late.tensors, early.tensors);
        assert.deepEqual(overflows(late), overflows(early));
        const found = overflows(late);
        assert.deepEqual(
          found.map(({ step, loss_scale, times }) => [step, loss_scale, times]),
          [
            [2, 1024, 1],
            [6, 512, 2],
          ],
        );
        const { value, line, place, magnitude } = found[0];
        assert.deepEqual([value, place, magnitude], ['fc.bias', null, null]);
        assert.match(String(line), /^%fc\.bias = state/);
        const traced = late.executable.calls.filter(({ traced: isTraced }) => isTraced);
        const first = late.executable.calls.find(({ step, fn }) => step === accumulate * 2 - 1 && fn === 'train_step')!;
        assert.deepEqual(traced.find(({ step }) => step === first.step)?.labels, first.labels, 'the same batch');
      }));

  it('looks into no more than a few skips of an epoch, and says when it stops', () =>
    inTemporaryFolder(async (dir) => {
      const outcome = await run(dir, (step) => step < 10 && step !== 5, { logEvery: 2 });
      const found = overflows(outcome);
      assert.equal(found.length, TRACES_PER_EPOCH);
      assert.deepEqual(
        found.map(({ last }) => last),
        [...Array(TRACES_PER_EPOCH - 1).fill(false), true],
      );
      const [epoch1] = outcome.metrics.filter(({ event }) => event === 'epoch');
      assert.equal(epoch1.skipped_steps, 9);
    }));

  it('says so when the step overflows nowhere the second time', () =>
    inTemporaryFolder(async (dir) => {
      let calls = 0;
      const outcome = await run(dir, (step) => step === 3 && calls++ === 0, { logEvery: 1 });
      const [found] = overflows(outcome);
      assert.equal(found.message, 'run again, the step overflows nowhere');
      for (const key of Object.keys(NO_OVERFLOW)) assert.equal(found[key], null, key);
    }));

  it('goes on counting in a resumed run', () =>
    inTemporaryFolder(async (dir) => {
      const skips = (step: number) => step === 1 || step === 8;
      const whole = await run(join(dir, 'whole'), skips);
      await run(join(dir, 'parts'), skips, { maxSteps: 4 });
      const parts = await run(join(dir, 'parts'), skips, { resume: true });
      assert.deepEqual(overflows(parts), overflows(whole));
      assert.deepEqual(parts.tensors, whole.tensors);
    }));
});

describe('the text of an overflow', () => {
  const overflow: Overflow = {
    function: 'train_step',
    value: 'gradient of linear of fc1',
    layer: 'relu_3',
    op: 'relu_grad',
    phase: 'backward',
    dtype: 'f16',
    line: '%57 = relu_grad',
    place: { line: 7, column: 6 },
    magnitude: 120_000,
    limit: 65504,
    overflowing: 12,
    elements: 8192,
    non_finite: 0,
  };

  it('has the magnitude and the limit', () => {
    assert.equal(overflowText(overflow), 'gradient of linear of fc1 (backward, 7:6) reached 120,000, fp16 ends at 65,504');
    assert.match(overflowText({ ...overflow, magnitude: 3e9 }), /reached 3\.00e\+9, fp16/);
  });

  it('says what is known where there is no magnitude', () => {
    assert.match(overflowText({ ...overflow, magnitude: null, non_finite: null }), /is infinite or NaN in fp16$/);
    assert.match(overflowText({ ...overflow, magnitude: 7, non_finite: 1 }), /is infinite or NaN before it is rounded in fp16$/);
    const full = { ...overflow, dtype: 'f32', limit: 3.4e38, non_finite: 1200, elements: 64000 } as const;
    assert.match(
      overflowText({ ...full, magnitude: 0.5 }),
      /has 1,200 infinite or NaN elements of 64,000 in fp32, the largest finite one is 0\.500$/,
    );
    assert.match(overflowText({ ...full, magnitude: 2e38 }), /the largest finite one is 2\.00e\+38$/);
    assert.match(overflowText({ ...full, magnitude: null }), /elements of 64,000 in fp32$/);
  });
});
