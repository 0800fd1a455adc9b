import assert from 'node:assert/strict';
import { join } from 'node:path';
import { compileProgram } from '../../src/compile.js';
import { divideEpoch, imagesBefore, imagesOfStep, stepsPerEpoch } from '../../src/ir/epoch.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { isOfTail } from '../../src/plan/plan.js';
import { BACKEND_NAMES, type BackendName, defaultTarget } from '../../src/plan/target.js';
import { selectBackend } from '../../src/runtime/select.js';
import type { Dataset } from '../../src/training/data/dataset.js';
import { type TrainOptions, type TrainResult, train } from '../../src/training/loop.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { saveWeights } from '../../src/training/weights.js';
import { withoutTime } from '../support/clock.js';
import { skip } from '../support/skip.js';
import { deterministicBatch, deterministicStates } from './support/deterministic.js';
import { FakeExecutable, fakeDataset, fakePlan, fakeRecipe, inTemporaryFolder, readMetrics } from './support/fake.js';
import { disagreement, readFixture } from './support/pytorch.js';

interface Fixture {
  readonly epochs: number;
  readonly share: number;
  readonly runs: readonly {
    readonly images: number;
    readonly batch: number;
    readonly accumulate: number;
    readonly losses: readonly number[];
    readonly weight: readonly number[];
    readonly running_var: readonly number[];
  }[];
}

const NET = `dataset cifar10 { normalize(mean: 0.5, std: 0.5) }
model Net(image: [32, 32, 3]) -> [10] {
  image |> avg_pool2d(4) |> conv2d(4, kernel: 3, padding: 1) as conv |> batch_norm as bn |> relu |> global_avg_pool |> linear(10) as fc
}
precision { compute fp32 }
train { optimizer sgd(lr: 0.1, momentum: 0.9) }
`;

function deterministicData(count: number, share: number): Dataset {
  const { image, label } = deterministicBatch(0, count, 32, share);
  const train = { images: image, labels: Int32Array.from(label), count, shape: [32, 32, 3] };
  return { name: 'hashes', classes: Array.from({ length: 10 }, (_, i) => `${i}`), train, test: train };
}

describe('an epoch', () => {
  it('is divided into whole steps and one on what is left', () => {
    assert.deepEqual(divideEpoch(130, 16, 5, false).tail, { before: 3, last: 2 });
    assert.deepEqual(divideEpoch(50_000, 64, 1, false).tail, { before: 0, last: 16 });
    assert.deepEqual(divideEpoch(48, 16, 2, false).tail, { before: 0, last: 16 });
    assert.deepEqual(divideEpoch(3, 16, 2, false), { batch: 16, accumulate: 2, wholeSteps: 0, tail: { before: 0, last: 3 } });
    assert.equal(divideEpoch(128, 16, 4, false).tail, undefined);
    assert.equal(divideEpoch(130, 16, 5, true).tail, undefined);
    for (const [images, batch, accumulate] of [
      [130, 16, 5],
      [50_000, 64, 1],
      [7, 2, 3],
      [3, 16, 1],
    ] as const) {
      const division = divideEpoch(images, batch, accumulate, false);
      const steps = stepsPerEpoch(division);
      assert.equal(steps, Math.ceil(images / (batch * accumulate)));
      assert.equal(imagesBefore(division, steps), images);
      for (let step = 0; step < steps; step += 1)
        assert.equal(imagesBefore(division, step) + imagesOfStep(division, step), imagesBefore(division, step + 1));
    }
  });
});

describe("PyTorch's losses where images are left", function () {
  this.timeout(300_000);
  const { epochs, share, runs } = readFixture<Fixture>('test/fixtures/pytorch/tail_losses.json');

  async function follow(context: Mocha.Context, name: BackendName, run: Fixture['runs'][number]): Promise<void> {
    const { images, batch, accumulate } = run;
    const selected = await selectBackend(name).catch((error: Error) => skip(context, error.message));
    const { backend, info } = selected;
    const set = [`train.accumulate=${accumulate}`];
    const program = lowerProgram({ path: 'net.amp', text: NET }, { images, overrides: { batch, epochs, set } });
    const plan = compileProgram(program, info.target);
    await inTemporaryFolder(async (dir) => {
      const init = join(dir, 'init.safetensors');
      await saveWeights(init, plan, deterministicStates(plan));
      const executable = await backend.load(plan);
      try {
        const options = { plan, executable, recipe: program.recipe, dataset: deterministicData(images, share), init: { path: init } };
        await train({ ...options, run: join(dir, 'run'), shuffle: false, evaluate: false, logEvery: 1 });
        const metrics = await readMetrics(join(dir, 'run'));
        const losses = metrics.flatMap(({ event, loss }) => (event === 'step' ? [Number(loss)] : []));
        assert.equal(losses.length, run.losses.length);
        assert.equal(disagreement('loss', losses, run.losses, 2e-5), undefined);
        const states = await executable.readStates(['fc.weight', 'bn.running_var']);
        assert.equal(disagreement('running variance', states.get('bn.running_var')!, run.running_var, 1e-4), undefined);
        for (const [i, value] of states.get('fc.weight')!.entries()) {
          const expected = run.weight[i]!;
          assert.ok(Math.abs(value - expected) < 2e-5, `fc.weight[${i}] is ${value}, PyTorch has ${expected}`);
        }
        const perEpoch = run.losses.length / epochs;
        const means = metrics.flatMap(({ event, train_loss }) => (event === 'epoch' ? [Number(train_loss)] : []));
        for (const [epoch, mean] of means.entries()) {
          const own = run.losses.slice(epoch * perEpoch, (epoch + 1) * perEpoch);
          const sum = own.reduce(
            (total, loss, step) => total + loss * imagesOfStep(divideEpoch(images, batch, accumulate, false), step),
            0,
          );
          assert.ok(Math.abs(mean - sum / images) < 1e-4, `the mean over the images of epoch ${epoch + 1}`);
        }
      } finally {
        await executable.dispose();
      }
    });
  }

  // Every kind of tail on the oracle; elsewhere those with most and least of one.
  const cases = {
    reference: runs,
    cpu: [runs[0]!, runs[3]!],
    webgpu: [runs[2]!],
    cuda: [],
    tensorflow: [runs[2]!],
  } as const satisfies Readonly<Record<BackendName, Fixture['runs']>>;
  for (const backend of BACKEND_NAMES)
    for (const run of cases[backend])
      it(`${backend}: ${run.images} images, batch ${run.batch}, accumulate ${run.accumulate}`, async function () {
        await follow(this, backend, run);
      });
});

describe('a last batch of one image', () => {
  const dense = NET.replace('|> global_avg_pool |> linear(10)', '|> flatten |> linear(8) |> batch_norm as narrow |> linear(10)');
  const lower = (text: string, images: number, set: readonly string[] = []) =>
    lowerProgram({ path: 'net.amp', text }, { images, overrides: { batch: 4, set } });

  it('trains where every batch norm has several positions', () => {
    const program = lower(NET, 9);
    assert.equal(program.tail?.before, 0);
    const plan = compileProgram(program, defaultTarget('reference'));
    assert.deepEqual(
      plan.functions.map(({ name, batch }) => [name, batch]),
      [
        ['train_step', 4],
        ['tail_step', 1],
        ['eval_step', 4],
      ],
    );
  });

  it('is refused where one has a single value for each channel, unless it is left out', () => {
    assert.throws(() => lower(dense, 9), /AMP4013: the last batch of an epoch is one image, and `narrow` has one value/);
    assert.ok(lower(dense, 10).tail !== undefined);
    assert.equal(lower(dense, 9, ['train.drop_last=true']).tail, undefined);
  });
});

describe('the last step of an epoch', () => {
  /** 43 images: 10 steps of 4 and one of 3; or 3 steps of 12, and one of 4 and 3. */
  async function run(
    dir: string,
    accumulate: number,
    more: Partial<TrainOptions> = {},
    overflow?: (step: number) => boolean,
    series = true,
  ) {
    const recipe = fakeRecipe({ accumulate, dropLast: false, epochs: 2 });
    const plan = fakePlan({ accumulate, images: 43 });
    const executable = new FakeExecutable(plan);
    if (overflow !== undefined) executable.overflow = overflow;
    if (!series) executable.series = undefined;
    const result: TrainResult = await train({ plan, executable, recipe, dataset: fakeDataset(), run: dir, logEvery: 1, ...more });
    const { tensors } = await readSafetensors(join(dir, 'checkpoint.safetensors'));
    return { executable, result, tensors, metrics: await readMetrics(dir) };
  }

  for (const [accumulate, steps] of [
    [1, 11],
    [3, 4],
  ] as const) {
    it(`trains every image of an epoch once (${accumulate} micro-batches a step)`, () =>
      inTemporaryFolder(async (dir) => {
        const { executable, result, metrics } = await run(dir, accumulate, { augment: false });
        assert.equal(result.steps, 2 * steps);
        const calls = executable.calls.filter(({ fn }) => fn !== 'eval_step');
        const ofEpoch = calls.slice(0, calls.length / 2);
        assert.equal(ofEpoch.flatMap(({ labels }) => labels).length, 43);
        const counts = (labels: readonly number[]) => [0, 1, 2].map((label) => labels.filter((other) => other === label).length);
        assert.deepEqual(counts(ofEpoch.flatMap(({ labels }) => labels)), counts([...fakeDataset().train.labels]));
        const last = ofEpoch.filter(({ fn }) => isOfTail(fn)).map(({ fn, labels }) => [fn, labels.length]);
        assert.deepEqual(
          last,
          accumulate === 1
            ? [['tail_step', 3]]
            : [
                ['tail_accumulate_step', 4],
                ['tail_step', 3],
              ],
        );
        assert.deepEqual(
          metrics.flatMap(({ event, epoch, step }) => (event === 'step' ? [[epoch, step]] : [])),
          Array.from({ length: 2 * steps }, (_, i) => [i < steps ? 1 : 2, i + 1]),
        );
      }));

    it(`is resumed to the same bits before, at and behind it (${accumulate} micro-batches a step)`, () =>
      inTemporaryFolder(async (dir) => {
        const whole = await run(join(dir, 'whole'), accumulate);
        for (const stop of [1, steps - 1, steps, steps + 1, 2 * steps - 1]) {
          const parts = join(dir, `stop-${stop}`);
          assert.equal((await run(parts, accumulate, { maxSteps: stop })).result.steps, stop);
          const resumed = await run(parts, accumulate, { resume: true });
          assert.deepEqual(resumed.tensors, whole.tensors);
          assert.deepEqual(resumed.metrics, whole.metrics);
        }
      }));

    it(`comes to the same bits in series as call by call, as do those before it (${accumulate} micro-batches a step)`, () =>
      inTemporaryFolder(async (dir) => {
        const overflow = (step: number) => step === 5;
        const inSeries = await withoutTime(() => run(join(dir, 'series'), accumulate, { logEvery: 4 }, overflow));
        const oneByOne = await run(join(dir, 'calls'), accumulate, { logEvery: 4 }, overflow, false);
        assert.deepEqual(inSeries.tensors, oneByOne.tensors);
        assert.deepEqual(inSeries.metrics, oneByOne.metrics);
        assert.equal(oneByOne.executable.longestSeries, 0);
        assert.ok(inSeries.executable.longestSeries > accumulate, 'several steps were one series');
      }));

    it(`is skipped and looked into as any other (${accumulate} micro-batches a step)`, () =>
      inTemporaryFolder(async (dir) => {
        const last = steps * accumulate - accumulate + (accumulate === 1 ? 0 : 1);
        const late = await run(join(dir, 'late'), accumulate, { logEvery: 1000 }, (step) => step === last);
        const early = await run(join(dir, 'early'), accumulate, {}, (step) => step === last);
        assert.deepEqual(late.tensors, early.tensors);
        const [found, ...others] = early.metrics.filter(({ event }) => event === 'overflow');
        assert.deepEqual(others, []);
        assert.deepEqual([found?.step, found?.epoch, found?.function], [steps, 1, 'tail_step']);
        assert.equal(early.metrics.find(({ event }) => event === 'epoch')?.skipped_steps, 1);
      }));
  }

  it('is all there is where the data set is smaller than one batch', () =>
    inTemporaryFolder(async (dir) => {
      const recipe = fakeRecipe({ dropLast: false, batch: 64 });
      const plan = fakePlan({ batch: 64, images: 43 });
      const executable = new FakeExecutable(plan);
      const options = { plan, executable, recipe, dataset: fakeDataset(), run: join(dir, 'small') };
      assert.equal((await train(options)).steps, 3);
      assert.deepEqual(new Set(executable.calls.map(({ fn }) => fn)), new Set(['tail_step', 'eval_step']));
      const dropping = { ...options, plan: fakePlan({ batch: 64 }), recipe: fakeRecipe({ batch: 64 }), run: join(dir, 'none') };
      await assert.rejects(train(dropping), /AMP7007.*smaller than one step/);
    }));
});
