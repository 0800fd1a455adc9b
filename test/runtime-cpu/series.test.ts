import assert from 'node:assert/strict';
import { join } from 'node:path';
import { divideEpoch } from '../../src/ir/epoch.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { Batcher } from '../../src/training/data/batcher.js';
import type { Dataset, ImageSet } from '../../src/training/data/dataset.js';
import { evaluate } from '../../src/training/evaluate.js';
import { type TrainOptions, train } from '../../src/training/loop.js';
import { Pace } from '../../src/training/pace.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { initialStates } from '../../src/training/states.js';
import type { StepResult } from '../../src/training/step-result.js';
import { Stepper } from '../../src/training/stepper.js';
import { miniResnet } from '../support/models.js';
import { type ProgramOptions, planOf, programOf } from '../support/network.js';
import { differences, type Outcome } from '../support/steps.js';
import { inTemporaryFolder, readMetrics } from '../training/support/fake.js';

function noise(count: number): ImageSet {
  const images = Uint8Array.from({ length: count * 8 * 8 * 3 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 9) & 255);
  return { images, labels: Int32Array.from({ length: count }, (_, i) => i % 10), count, shape: [8, 8, 3] };
}

/** The same device without its series: batches are made in JavaScript, one call ahead. */
function withoutSeries(executable: Executable): Executable {
  const bound = (name: keyof Executable) => (executable[name] as (...args: unknown[]) => unknown).bind(executable);
  const names = ['call', 'drain', 'readOutput', 'nonFinite', 'readStates', 'writeStates', 'dispose'] as const;
  return {
    compileMs: executable.compileMs,
    memory: executable.memory,
    ...(Object.fromEntries(names.map((name) => [name, bound(name)])) as Pick<Executable, (typeof names)[number]>),
  };
}

/** Seven steps of two micro-batches, and one of a micro-batch and half of one. */
const IMAGES = 93;
const STEPS = 8;
const OPTIONS: ProgramOptions = { batch: 6, image: [8, 8, 3], images: IMAGES, train: { accumulate: 2 } };

interface Setup {
  readonly plan: Plan;
  load(threads: number, series: boolean): Promise<Executable>;
}

function setup(options: ProgramOptions): Setup {
  const plan = planOf(miniResnet, options);
  return {
    plan,
    async load(threads, series) {
      const executable = await createBackend().load(plan, { threads });
      return series ? executable : withoutSeries(executable);
    },
  };
}

/** Two epochs. */
async function steps(
  executable: Executable,
  plan: Plan,
): Promise<Outcome & { readonly results: readonly StepResult[]; readonly ahead: number }> {
  try {
    await executable.writeStates(initialStates(plan, 3));
    const batcher = new Batcher(noise(IMAGES), { seed: 5, shuffle: true, augment: [{ kind: 'flip' }, { kind: 'crop', padding: 2 }] });
    const stepper = new Stepper({
      executable,
      plan,
      batcher,
      division: divideEpoch(IMAGES, 6, 2, false),
      rates: (step) => ({ lr: 1e-3 / (1 + step) }),
    });
    const results: StepResult[] = [];
    let ahead = 0;
    for (let step = 0; step < 2 * STEPS; ) {
      const issued = await stepper.enqueue(step, STEPS - (step % STEPS));
      ahead = Math.max(ahead, issued);
      step += issued;
      if (step % STEPS === 0) results.push(...(await stepper.drain()));
    }
    return { scalars: [], states: await executable.readStates(), results, ahead };
  } finally {
    await executable.dispose();
  }
}

describe('steps in series on the cpu', function () {
  this.timeout(120_000);
  const { plan, load } = setup(OPTIONS);

  it('give the bits of one call after another, for any number of threads', async () => {
    const want = await steps(await load(1, false), plan);
    assert.equal(want.ahead, 1);
    for (const threads of [1, 2, 5]) {
      const got = await steps(await load(threads, true), plan);
      assert.ok(got.ahead > 1, 'several steps in one call');
      assert.deepEqual(got.results, want.results);
      assert.deepEqual(differences(want, got), []);
    }
  });

  it('score a padded test set as one call after another', async () => {
    const [own, other] = await Promise.all([load(2, true), load(2, false)]);
    try {
      for (const executable of [own, other]) await executable.writeStates(initialStates(plan, 3));
      const test = noise(200);
      assert.deepEqual(await evaluate(own, plan, test), await evaluate(other, plan, test));
    } finally {
      await Promise.all([own.dispose(), other.dispose()]);
    }
  });

  it('leave the same run folder, checkpoints and interruptions included', async () => {
    const dataset: Dataset = {
      name: 'noise',
      classes: Array.from({ length: 10 }, (_, i) => `${i}`),
      train: noise(IMAGES),
      test: noise(20),
    };
    const { recipe: plain } = programOf(miniResnet, OPTIONS);
    const recipe = { ...plain, dataset: { ...plain.dataset, augment: [{ kind: 'flip' as const }, { kind: 'crop' as const, padding: 2 }] } };
    const run = async (folder: string, series: boolean, more: Partial<TrainOptions>): Promise<number> => {
      const executable = await load(2, series);
      try {
        const options = { plan, executable, recipe, dataset, run: folder, epochs: 2, logEvery: 4, ...more };
        return (await train(options)).steps;
      } finally {
        await executable.dispose();
      }
    };
    await inTemporaryFolder(async (dir) => {
      const [whole, parts] = [join(dir, 'whole'), join(dir, 'parts')];
      assert.equal(await run(whole, false, {}), 2 * STEPS);
      assert.equal(await run(parts, true, { maxSteps: 3 }), 3);
      const controller = new AbortController();
      const onEvent: TrainOptions['onEvent'] = (event) => event.event === 'step' && event.step === 8 && controller.abort();
      assert.equal(await run(parts, true, { resume: true, signal: controller.signal, onEvent }), 8);
      assert.equal(await run(parts, true, { resume: true, checkpointSteps: 3 }), 2 * STEPS);
      for (const name of ['checkpoint', 'last', 'best']) {
        const [a, b] = await Promise.all([whole, parts].map((folder) => readSafetensors(join(folder, `${name}.safetensors`))));
        assert.deepEqual(a!.tensors, b!.tensors);
      }
      assert.deepEqual(await readMetrics(parts), await readMetrics(whole));
    });
  });

  it('refuses images that do not fit, and goes on', async () => {
    const executable = await load(1, true);
    try {
      const batches = new Batcher(noise(12), { seed: 0, shuffle: false }).select(0, 0, 12);
      const calls = [1, 2].map((step) => ({ fn: 'train_step' as const, rates: { lr: 0 }, step }));
      await assert.rejects(executable.series!(batches, calls.slice(1)), /12 images for 6 places/);
      await assert.rejects(executable.series!(batches, [{ ...calls[0]!, fn: 'other' as 'train_step' }]), /no function other/);
      const seconds = await executable.series!(batches, calls);
      assert.equal(seconds.length, 2);
      assert.ok(
        seconds.every((one) => one >= 0 && Number.isFinite(one)),
        'each call was timed',
      );
      assert.equal((await executable.drain()).length, 2);
    } finally {
      await executable.dispose();
    }
  });
});

describe('Pace', () => {
  it('starts with one call, grows at most fourfold, and keeps a series short', () => {
    const pace = new Pace();
    assert.equal(pace.next(100), 1);
    pace.took(1, 0.001);
    assert.equal(pace.next(100), 4);
    assert.equal(pace.next(3), 3);
    pace.took(4, 20);
    assert.equal(pace.next(100), 10);
    pace.took(10, 5000);
    assert.equal(pace.next(100), 1);
    assert.equal(pace.next(0), 1);
  });
});
