import assert from 'node:assert/strict';
import { join } from 'node:path';
import { UserError } from '../../src/diagnostics/diagnostic.js';
import type { Recipe } from '../../src/ir/program.js';
import type { TrainEvent } from '../../src/training/events.js';
import { type TrainOptions, train } from '../../src/training/loop.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { withoutTime } from '../support/clock.js';
import { FakeExecutable, fakeDataset, fakePlan, fakeRecipe, inTemporaryFolder, readMetrics, snapshot } from './support/fake.js';

interface Setup {
  readonly executable: FakeExecutable;
  readonly events: TrainEvent[];
  readonly options: TrainOptions;
}

function setup(run: string, more: Partial<TrainOptions> = {}, trainSpec: Partial<Recipe['train']> = {}, scaled = true): Setup {
  const events: TrainEvent[] = [];
  const recipe = fakeRecipe(trainSpec);
  const plan = fakePlan({ accumulate: recipe.train.accumulate, scaled });
  const executable = new FakeExecutable(plan, scaled);
  const onEvent = (event: TrainEvent): void => void events.push(event);
  return { executable, events, options: { plan, executable, recipe, dataset: fakeDataset(), run, logEvery: 5, onEvent, ...more } };
}

describe('train', () => {
  it('waits for images that are not there yet, tells for how long, and issues no more steps than there is room for', () =>
    inTemporaryFolder(async (run) => {
      const whole = setup(join(run, 'whole'));
      await withoutTime(() => train(whole.options));
      const dataset = fakeDataset();
      const held: number[] = [];
      const hold = async (numbers: Uint32Array): Promise<void> => {
        held.push(numbers.length);
        await new Promise((resolve) => setTimeout(resolve, 2));
      };
      const supply = { room: 12, placeOf: (number: number) => number, hold };
      const { executable, events, options } = setup(join(run, 'beside'), { dataset: { ...dataset, train: { ...dataset.train, supply } } });
      await train(options);
      const losses = (of: readonly TrainEvent[]) => of.flatMap((event) => (event.event === 'step' ? [event.loss] : []));
      assert.deepEqual(losses(events), losses(whole.events));
      assert.deepEqual([executable.longestSeries, Math.max(...held)], [2, 8]);
      const shares = events.flatMap((event) => (event.event === 'epoch' ? [event.data_share] : []));
      assert.ok(shares.length === 3 && shares.every((share) => share! > 0), String(shares));
    }));

  it('reports the start, steps, epochs and the end, and writes the same to metrics.jsonl', () =>
    inTemporaryFolder(async (run) => {
      const { events, options } = setup(run, { device: 'a fake' });
      const result = await train(options);
      const kinds = events.map((event) => event.event);
      const epoch1 = ['step', 'step', 'step', 'epoch'];
      assert.deepEqual(kinds, ['start', ...epoch1, 'step', 'step', 'epoch', 'step', 'step', 'epoch', 'done']);
      assert.deepEqual(events[0], {
        event: 'start',
        model: 'Fake',
        backend: 'fake',
        device: 'a fake',
        precision: 'fp16',
        parameters: 39,
        run,
      });
      const steps = events.flatMap((event) => (event.event === 'step' ? [[event.step, event.epoch]] : []));
      assert.deepEqual(steps, [
        [1, 1],
        [5, 1],
        [10, 1],
        [15, 2],
        [20, 2],
        [25, 3],
        [30, 3],
      ]);
      const done = events.at(-1);
      assert.ok(done?.event === 'done' && done.steps === 30 && done.test_accuracy === result.testAccuracy);
      assert.equal(result.interrupted, false);
      const lines = await readMetrics(run);
      assert.deepEqual(
        lines.map((line) => line.event),
        kinds,
      );
    }));

  it('learns, keeps the best weights apart from the last, and saves them under the contract’s names', () =>
    inTemporaryFolder(async (run) => {
      const { events, options } = setup(run, { augment: false }, { epochs: 6 });
      const result = await train(options);
      const epochs = events.filter((event) => event.event === 'epoch');
      assert.ok((epochs.at(-1)?.train_loss ?? 9) < (epochs[0]?.train_loss ?? 0), 'the loss falls');
      assert.equal(result.bestAccuracy, Math.max(...epochs.map((event) => event.test_accuracy ?? 0)));
      const { tensors } = await readSafetensors(join(run, 'last.safetensors'));
      assert.deepEqual([...tensors.keys()], ['fc.weight', 'fc.bias', 'bn.running_mean']);
      await readSafetensors(join(run, 'best.safetensors'));
    }));

  it('does not wait for the device after every step', () =>
    inTemporaryFolder(async (run) => {
      const { executable, options } = setup(run, { logEvery: 1000 });
      await withoutTime(() => train(options));
      assert.ok(executable.drains <= 3 * 4, `${executable.drains} drains for 30 steps`);
    }));

  it('drops the last incomplete training batch and pads the last test batch', () =>
    inTemporaryFolder(async (run) => {
      const { executable, options } = setup(run, {}, { epochs: 1 });
      await train(options);
      const steps = executable.calls.filter((call) => call.fn === 'train_step');
      assert.equal(steps.length, 10);
      const tests = executable.calls.filter((call) => call.fn === 'eval_step');
      assert.deepEqual(
        tests.map((call) => call.labels.filter((label) => label >= 0).length),
        [4, 4, 2],
      );
    }));

  it('passes each step its learning rate as f32', () =>
    inTemporaryFolder(async (run) => {
      const { executable, events, options } = setup(run, { logEvery: 1 }, { epochs: 1, schedule: { kind: 'constant' }, warmup: 0.5 });
      await train(options);
      const rates = executable.calls.filter((call) => call.fn === 'train_step').map((call) => call.lr);
      assert.deepEqual(
        rates,
        [0.02, 0.04, 0.06, 0.08, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1].map((rate) => Math.fround(0.1 * (rate / 0.1))),
      );
      assert.deepEqual(
        events.flatMap((event) => (event.event === 'step' ? [event.lr] : [])),
        rates,
      );
    }));

  it('accumulates micro-batches before every step', () =>
    inTemporaryFolder(async (run) => {
      const { executable, events, options } = setup(run, {}, { epochs: 1, accumulate: 3 });
      const result = await train(options);
      assert.equal(result.steps, 3);
      const calls = executable.calls.filter((call) => call.fn !== 'eval_step');
      const one = ['accumulate_step', 'accumulate_step', 'train_step'];
      assert.deepEqual(
        calls.map((call) => call.fn),
        [...one, ...one, ...one],
      );
      assert.deepEqual(
        calls.map((call) => call.step),
        [0, 1, 2, 3, 4, 5, 6, 7, 8],
      );
      const epoch = events.find((event) => event.event === 'epoch');
      assert.ok(epoch !== undefined && Number.isFinite(epoch.train_loss));
    }));

  it('stops after maxSteps, measures the test set, and keeps the schedule of the whole run', () =>
    inTemporaryFolder(async (run) => {
      const { executable, events, options } = setup(run, { maxSteps: 13 });
      const result = await train(options);
      assert.equal(result.steps, 13);
      assert.deepEqual(events.at(-1)?.event, 'done');
      assert.ok(result.testAccuracy !== undefined);
      const full = setup(`${run}-full`);
      await train({ ...full.options, run: join(run, 'full') });
      const rates = (fake: FakeExecutable) => fake.calls.flatMap((call) => (call.lr === undefined ? [] : [call.lr]));
      assert.deepEqual(rates(executable), rates(full.executable).slice(0, 13));
    }));

  it('counts skipped steps and goes on', () =>
    inTemporaryFolder(async (run) => {
      const { executable, events, options } = setup(run, { logEvery: 1 }, { epochs: 1 });
      executable.overflow = (step) => step === 2 || step === 3;
      await train(options);
      const skipped = events.flatMap((event) => (event.event === 'step' && event.skipped ? [event.step] : []));
      assert.deepEqual(skipped, [3, 4]);
      const scales = events.flatMap((event) => (event.event === 'step' ? [event.loss_scale] : []));
      assert.deepEqual(scales, [1024, 1024, 1024, 512, 256, 256, 256, 256, 256, 256]);
      const epoch = events.find((event) => event.event === 'epoch');
      assert.equal(epoch?.skipped_steps, 2);
      assert.ok(Number.isFinite(epoch?.train_loss));
    }));

  it('gives up after too many skipped steps and names the first value that is not finite', () =>
    inTemporaryFolder(async (run) => {
      const { executable, options } = setup(run);
      executable.overflow = (step) => step >= 4;
      await assert.rejects(train(options), (error) => {
        assert.ok(error instanceof UserError);
        const [diagnostic] = error.diagnostics;
        assert.equal(diagnostic?.code, 'AMP7301');
        assert.match(diagnostic?.message ?? '', /20 steps in a row/);
        assert.match(diagnostic?.why ?? '', /in step \d+, .*fc\.bias = state/);
        return true;
      });
      assert.ok(executable.calls.at(-1)?.traced);
    }));

  it('ends with the first loss that is not finite when nothing is scaled, and keeps what it had', () =>
    inTemporaryFolder(async (run) => {
      const { executable, events, options } = setup(run, { logEvery: 1 }, { epochs: 2 }, false);
      executable.overflow = (step) => step === 12 || step === 16;
      await assert.rejects(train(options), /AMP7302: the loss of step 13 is NaN/);
      const files = await snapshot(run);
      assert.ok(files['last.safetensors'] !== undefined && files['best.safetensors'] !== undefined);
      const warning = events.at(-1);
      assert.ok(warning?.event === 'warning' && warning.ends_run === true);
      assert.equal(warning.step, 13);
      executable.overflow = () => false;
      const result = await train({ ...options, resume: true });
      assert.equal(result.epochs, 2);
      const said = events.findLast((event) => event.event === 'warning');
      assert.match(said?.message ?? '', /^the run had ended: the loss of step 13 is NaN$/);
      assert.match(said?.fix ?? '', /^it goes on from its checkpoint of step 10, and with the same settings it ends the same way: /);
    }));

  it('ends when the norm that gradients are clipped by is not finite, unless the step is skipped anyway', () =>
    inTemporaryFolder(async (dir) => {
      for (const scaled of [false, true]) {
        const { executable, options } = setup(join(dir, String(scaled)), {}, { epochs: 1 }, scaled);
        executable.norm = (step) => (step === 6 ? Number.POSITIVE_INFINITY : 1);
        executable.overflow = (step) => scaled && step === 6;
        if (scaled) await train(options);
        else await assert.rejects(train(options), /AMP7302: the norm of the gradients of step 7 is Infinity, and clipping by it undoes/);
      }
    }));

  it('goes on where the file says so, warns once, and says how many steps its means leave out', () =>
    inTemporaryFolder(async (dir) => {
      const overflow = (step: number): boolean => step === 2 || step === 6;
      const run = join(dir, 'late');
      const { executable, events, options } = setup(run, { logEvery: 1000 }, { epochs: 1, onLostLoss: 'continue' }, false);
      executable.overflow = overflow;
      await train(options);
      const early = setup(join(dir, 'early'), { logEvery: 1 }, { epochs: 1, onLostLoss: 'continue' }, false);
      early.executable.overflow = overflow;
      await train(early.options);
      const weights = async (name: string) => (await readSafetensors(join(dir, name, 'last.safetensors'))).tensors;
      assert.deepEqual(await weights('late'), await weights('early'), 'it goes on from the states that it had');
      const warnings = events.flatMap((event) => (event.event === 'warning' ? [event] : []));
      assert.equal(warnings.length, 1);
      assert.equal(warnings[0]?.step, 3);
      assert.equal(warnings[0]?.ends_run, undefined);
      const epoch = events.find((event) => event.event === 'epoch');
      assert.equal(epoch?.left_out_steps, 2);
      const step1 = events.find((event) => event.event === 'step');
      assert.equal(step1?.loss_scale, 1);
    }));

  it('never writes weights or a checkpoint that are not finite over ones that are', () =>
    inTemporaryFolder(async (dir) => {
      for (const onLostLoss of ['stop', 'continue'] as const) {
        const run = join(dir, onLostLoss);
        const { executable, events, options } = setup(run, {}, { epochs: 2, onLostLoss }, true);
        // A statistic that no loss shows.
        executable.overflow = (step) => {
          if (step === 15) executable.breakStatistic();
          return false;
        };
        const outcome = train(options);
        if (onLostLoss === 'stop') await assert.rejects(outcome, /AMP7302: after step 20, bn\.running_mean is infinite or NaN/);
        else await outcome;
        assert.equal(events.filter((event) => event.event === 'warning').length, 1);
        for (const name of ['last', 'best', 'checkpoint']) {
          const { tensors } = await readSafetensors(join(run, `${name}.safetensors`));
          for (const { data } of tensors.values()) assert.ok(data.every(Number.isFinite), name);
        }
      }
    }));

  it('reports progress with the time left', () =>
    inTemporaryFolder(async (run) => {
      const seen: number[] = [];
      const { options } = setup(run, { onProgress: ({ step, secondsLeft }) => seen.push(step, secondsLeft === undefined ? -1 : 0) });
      await train(options);
      assert.ok(seen.includes(30) && !seen.includes(-1));
    }));

  it('refuses data that does not fit the model or one step', () =>
    inTemporaryFolder(async (run) => {
      const small = setup(run, { dataset: fakeDataset(3) });
      await assert.rejects(train(small.options), /AMP7007/);
      const other = setup(run);
      await assert.rejects(train({ ...other.options, recipe: { ...other.options.recipe, inputShape: [32, 32, 3] } }), /AMP7006/);
      await assert.rejects(train({ ...other.options, recipe: { ...other.options.recipe, classes: 2 } }), /AMP7006/);
    }));

  it('starts from given weights', () =>
    inTemporaryFolder(async (run) => {
      const first = setup(join(run, 'a'), {}, { epochs: 1 });
      await train(first.options);
      const second = setup(join(run, 'b'), { init: { path: join(run, 'a', 'last.safetensors') }, maxSteps: 0 });
      await train(second.options);
      const [a, b] = await Promise.all(['a', 'b'].map((name) => readSafetensors(join(run, name, 'last.safetensors'))));
      assert.deepEqual(a.tensors, b.tensors);
    }));
});
