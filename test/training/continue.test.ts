import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Recipe, ScheduleSpec } from '../../src/ir/program.js';
import type { TrainEvent, WarningEvent } from '../../src/training/events.js';
import { type TrainOptions, type TrainResult, train } from '../../src/training/loop.js';
import { readSafetensors, writeSafetensors } from '../../src/training/safetensors.js';
import { FakeExecutable, fakeDataset, fakePlan, fakeRecipe, inTemporaryFolder, readMetrics } from './support/fake.js';

/** Ten steps an epoch. */
interface Part extends Partial<TrainOptions> {
  readonly spec?: Partial<Recipe['train']>;
}

interface Trained {
  readonly result: TrainResult;
  readonly rates: readonly number[];
  readonly warnings: readonly WarningEvent[];
}

/** Trains with no warmup and a rate of 0.1 unless told otherwise, every step logged. */
async function part(run: string, { spec = {}, ...more }: Part): Promise<Trained> {
  const recipe = fakeRecipe({ warmup: 0, ...spec });
  const events: TrainEvent[] = [];
  const onEvent: TrainOptions['onEvent'] = (event) => events.push(event);
  const shared = { plan: fakePlan(), executable: new FakeExecutable(), recipe, dataset: fakeDataset(), run, logEvery: 1, onEvent };
  const result = await train({ ...shared, ...more });
  return {
    result,
    rates: events.flatMap((event) => (event.event === 'step' ? [event.lr] : [])),
    warnings: events.filter((event) => event.event === 'warning'),
  };
}

/** An untouched run of so many epochs. */
async function whole(dir: string, epochs: number, schedule: ScheduleSpec): Promise<readonly number[]> {
  return (await part(join(dir, `whole-${epochs}`), { epochs, spec: { schedule } })).rates;
}

async function states(run: string): Promise<unknown> {
  return (await readSafetensors(join(run, 'checkpoint.safetensors'))).tensors;
}

function close(actual: number | undefined, expected: number): void {
  assert.ok(Math.abs((actual ?? Number.NaN) - expected) <= 1e-6 * expected, `${actual} is not ${expected}`);
}

const COSINE: ScheduleSpec = { kind: 'cosine', min: 0 };
const ONE_CYCLE: ScheduleSpec = { kind: 'one_cycle', warmup: 0.3, divStart: 25, divEnd: 1e4 };
const OVER_RUN: ScheduleSpec = {
  kind: 'piecewise',
  over: 'run',
  points: [
    [0, 1],
    [1, 0],
  ],
};
const STEP: ScheduleSpec = { kind: 'step', every: 1, gamma: 0.5 };

describe('a run that goes on for another number of epochs', () => {
  for (const schedule of [COSINE, ONE_CYCLE, OVER_RUN]) {
    it(`${schedule.kind} for longer: the rest of the curve is spread over the steps that are left, and said`, () =>
      inTemporaryFolder(async (dir) => {
        const run = join(dir, 'run');
        const curve = await whole(dir, 2, schedule);
        await part(run, { epochs: 2, maxSteps: 12, spec: { schedule } });
        const { rates, warnings } = await part(run, { epochs: 3, resume: true, spec: { schedule } });
        assert.equal(rates.length, 18);
        close(rates[0], curve[12]!);
        // 8 steps of the curve take 18. It is at its end behind the last step, or in it.
        if (schedule !== ONE_CYCLE) close(rates[9], curve[16]!);
        else close(rates[17], curve[19]!);
        for (const [i, rate] of rates.slice(1).entries()) assert.ok(rate < rates[i]!, `step ${i + 13} has the rate of the one before`);
        const [first, ...others] = warnings;
        assert.deepEqual(others, []);
        assert.equal(first?.code, 'AMP7310');
        assert.match(first.message, /from step 13 on .* the run was for 2 epochs and is for 3 epochs/);
        assert.match(first.why, new RegExp(`rest of ${schedule.kind}'s curve is spread over the 18 steps`));
      }));
  }

  it('for fewer epochs the rest of the curve is drawn together', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      const curve = await whole(dir, 3, COSINE);
      await part(run, { epochs: 3, maxSteps: 10, spec: { schedule: COSINE } });
      const { rates } = await part(run, { epochs: 2, resume: true, spec: { schedule: COSINE } });
      assert.equal(rates.length, 10);
      for (let i = 0; i < 10; i += 1) close(rates[i], curve[10 + 2 * i]!);
    }));

  it('ends with the same bits when it is interrupted again, once or several times, and stretched again', () =>
    inTemporaryFolder(async (dir) => {
      const lengths = [
        { epochs: 3, until: 14 },
        { epochs: 5, until: 33 },
        { epochs: 4, until: 40 },
      ];
      for (const [name, stops] of [
        ['smooth', []],
        ['broken', [3, 17, 22, 36]],
      ] as const) {
        const run = join(dir, name);
        let at = 0;
        for (const { epochs, until } of lengths)
          for (const stop of [...stops.filter((step) => step > at && step < until), until]) {
            await part(run, { epochs, maxSteps: stop, resume: at > 0, spec: { schedule: COSINE } });
            at = stop;
          }
      }
      assert.deepEqual(await states(join(dir, 'broken')), await states(join(dir, 'smooth')));
      const steps = async (name: string) => (await readMetrics(join(dir, name))).filter(({ event }) => event === 'step');
      assert.deepEqual(await steps('broken'), await steps('smooth'));
    }));

  it('changes nothing where the rates do not depend on the length', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      const expected = await whole(dir, 3, STEP);
      const first = await part(run, { epochs: 1, spec: { schedule: STEP } });
      const { rates, warnings } = await part(run, { epochs: 3, resume: true, spec: { schedule: STEP } });
      assert.deepEqual([...first.rates, ...rates], expected);
      assert.deepEqual(warnings, []);
      assert.deepEqual(await states(run), await states(join(dir, 'whole-3')));
    }));

  it('asks for a schedule when all that is left of a curve is its last rate', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      await part(run, { epochs: 1, maxSteps: 9, spec: { schedule: ONE_CYCLE } });
      await assert.rejects(part(run, { epochs: 2, resume: true, spec: { schedule: ONE_CYCLE } }), /AMP7210/);
      assert.equal((await part(run, { epochs: 1, resume: true, spec: { schedule: ONE_CYCLE } })).rates.length, 1);
    }));

  it('asks for a schedule when the one it had is at its end, and takes one', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      await part(run, { epochs: 1, spec: { schedule: ONE_CYCLE } });
      await assert.rejects(
        part(run, { epochs: 2, resume: true, spec: { schedule: ONE_CYCLE } }),
        (error: Error & { diagnostics?: unknown }) => {
          assert.match(JSON.stringify(error.diagnostics), /AMP7210.*was for 1 epoch.*train\.schedule=constant --set train\.lr=0\.01/);
          return true;
        },
      );
      const schedule: ScheduleSpec = { kind: 'constant' };
      const { rates, warnings } = await part(run, { epochs: 2, resume: true, spec: { schedule } });
      assert.deepEqual(
        rates,
        Array.from({ length: 10 }, () => Math.fround(0.1)),
      );
      assert.match(warnings[0]?.message ?? '', /: train\.schedule was one_cycle and is constant$/);
    }));

  it('is refused, and stays as it is, when it has trained for longer already', () =>
    inTemporaryFolder(async (run) => {
      await part(run, { epochs: 3, maxSteps: 25 });
      const files = () => readdirSync(run).map((name) => [name, readFileSync(join(run, name), 'latin1')]);
      const before = files();
      const refused = (more: Part, what: RegExp) =>
        assert.rejects(
          part(run, {
            resume: true,
            contentsAreNew: true,
            contents: { source: { path: 'x.amp', text: '' }, config: {}, plan: '' },
            ...more,
          }),
          (error: Error & { diagnostics?: unknown }) => {
            assert.match(JSON.stringify(error.diagnostics), what);
            return true;
          },
        );
      await refused({ epochs: 2 }, /AMP7212.*nothing is left to train: the run has trained for 25 steps, and is to train for 2 epochs/);
      await refused({ epochs: 3, maxSteps: 20 }, /AMP7212.*the run has taken 25 steps, and is to stop after 20/);
      assert.deepEqual(files(), before);
      assert.equal((await part(run, { epochs: 3, resume: true })).result.steps, 30);
    }));
});

describe('a run that goes on with other rates', () => {
  it('takes them from the next step on, as if it had always had them, and says so', () =>
    inTemporaryFolder(async (run) => {
      const spec = { schedule: STEP, optimizer: { ...fakeRecipe().train.optimizer, lr: 0.01 }, warmup: 2 };
      await part(run, { spec: { schedule: { kind: 'constant' } }, maxSteps: 15 });
      const { rates, warnings } = await part(run, { spec, resume: true });
      close(rates[0], 0.01 * 0.5 * (16 / 20));
      close(rates[5], 0.01 * 0.25);
      const [first] = warnings;
      assert.match(first?.message ?? '', /from step 16 on .*train\.optimizer\.lr was 0\.1 and is 0\.01/);
      assert.match(first?.message ?? '', /train\.schedule was constant and is step, train\.warmup was 0 and is 2$/);
      assert.match(first?.why ?? '', /the rate of step 16 is 0\.004, that of step 15 was 0\.1/);
      const again = (await readMetrics(run)).filter(({ event }) => event === 'warning');
      assert.deepEqual(again, [first]);
    }));

  it('keeps a stretched schedule when only the rate changes', () =>
    inTemporaryFolder(async (run) => {
      const optimizer = { ...fakeRecipe().train.optimizer, lr: 0.05 };
      await part(run, { epochs: 1, maxSteps: 5, spec: { schedule: COSINE } });
      const longer = await part(run, { epochs: 2, maxSteps: 15, resume: true, spec: { schedule: COSINE } });
      const { rates } = await part(run, { epochs: 2, resume: true, spec: { schedule: COSINE, optimizer } });
      const fraction = (5 + (10 * 5) / 15) / 10;
      close(longer.rates[0], 0.05);
      close(rates[0], (0.05 * (1 + Math.cos(Math.PI * fraction))) / 2);
    }));
});

describe('a checkpoint of an older version', () => {
  /** As it was written then: no course, the rise of one_cycle in epochs, and another word for the padding of crops. */
  async function makeOlder(run: string, epochs: number): Promise<void> {
    const path = join(run, 'checkpoint.safetensors');
    const { tensors, metadata } = await readSafetensors(path);
    const { course: _, rate: __, ...position } = JSON.parse(metadata.position!) as Record<string, unknown>;
    const { 'dataset.crop.padding': padding, ...settings } = JSON.parse(metadata.settings!) as Record<string, string>;
    settings['dataset.cropPadding'] = padding!;
    settings['train.schedule.warmup'] = JSON.stringify(0.3 * epochs);
    await writeSafetensors(path, tensors, { ...metadata, position: JSON.stringify(position), settings: JSON.stringify(settings) });
  }

  it('goes on to the same bits', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      const curve = await whole(dir, 3, ONE_CYCLE);
      const first = await part(run, { epochs: 3, maxSteps: 13, spec: { schedule: ONE_CYCLE } });
      await makeOlder(run, 3);
      const { rates, warnings } = await part(run, { epochs: 3, epochsBefore: 3, resume: true, spec: { schedule: ONE_CYCLE } });
      assert.deepEqual([...first.rates, ...rates], curve);
      assert.deepEqual(warnings, []);
    }));

  it('goes on for longer', () =>
    inTemporaryFolder(async (dir) => {
      const run = join(dir, 'run');
      const curve = await whole(dir, 2, ONE_CYCLE);
      await part(run, { epochs: 2, maxSteps: 10, spec: { schedule: ONE_CYCLE } });
      await makeOlder(run, 2);
      const { rates, warnings } = await part(run, { epochs: 3, epochsBefore: 2, resume: true, spec: { schedule: ONE_CYCLE } });
      close(rates[0], curve[10]!);
      close(rates[19], curve[19]!);
      assert.match(
        warnings[0]?.message ?? '',
        /^from step 11 on the learning rate is another: the run was for 2 epochs and is for 3 epochs$/,
      );
    }));
});
