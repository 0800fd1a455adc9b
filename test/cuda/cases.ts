import assert from 'node:assert/strict';
import { divideEpoch } from '../../src/ir/epoch.js';
import type { ComputeType } from '../../src/ir/types.js';
import type { Plan } from '../../src/plan/plan.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { Executable, Scalars } from '../../src/runtime/backend.js';
import { createBackend } from '../../src/runtime/cuda/index.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { Batcher } from '../../src/training/data/batcher.js';
import type { ImageSet } from '../../src/training/data/dataset.js';
import { evaluate } from '../../src/training/evaluate.js';
import { initialStates } from '../../src/training/states.js';
import { Stepper } from '../../src/training/stepper.js';
import { miniResnet, simpleCnn } from '../support/models.js';
import { type Model, type ProgramOptions, planOf } from '../support/network.js';
import { differences, inputsAt } from '../support/steps.js';

/** A transformer of one block on four patches. */
const tinyVit: Model = ({ image, call }) => {
  const patches = call('conv2d', image, { channels: 8, kernel: 4, stride: 4 }, { as: 'patches' });
  const x = call('reshape', patches, { shape: [4, 8] });
  const y = call(
    'add',
    call('attention', call('layer_norm', x, {}, { as: 'norm1' }), { heads: 2 }, { as: 'attention' }),
    {},
    { values: [x] },
  );
  const hidden = call('gelu', call('linear', call('layer_norm', y, {}, { as: 'norm2' }), { features: 16 }, { as: 'fc1' }));
  const z = call('add', call('linear', hidden, { features: 8 }, { as: 'fc2' }), {}, { values: [y] });
  return call('linear', call('flatten', z), { features: 10 }, { as: 'fc' });
};

export const IMAGE = [8, 8, 3] as const;

export const planFor = (model: Model, options: ProgramOptions): Plan => planOf(model, options, { target: defaultTarget('cuda') });

export function noise(count: number): ImageSet {
  const images = Uint8Array.from({ length: count * 8 * 8 * 3 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 9) & 255);
  return { images, labels: Int32Array.from({ length: count }, (_, i) => i % 10), count, shape: IMAGE };
}

const train = async (executable: Executable, model: Model, options: ProgramOptions, steps: number): Promise<readonly Scalars[]> => {
  try {
    const plan = planFor(model, options);
    await executable.writeStates(initialStates(plan, 3));
    const fn = plan.functions.find(({ name }) => name === 'train_step')!;
    for (let step = 0; step < steps; step += 1) await executable.call('train_step', inputsAt(fn, step % 4));
    return await executable.drain();
  } finally {
    await executable.dispose();
  }
};

export const CASES: readonly (readonly [name: string, model: Model, compute: ComputeType, steps: number, tolerance: number])[] = [
  ['SimpleCNN', simpleCnn, 'f32', 20, 1e-4],
  ['SimpleCNN', simpleCnn, 'f16', 20, 0.01],
  ['SimpleCNN', simpleCnn, 'bf16', 20, 0.03],
  ['a small ResNet', miniResnet, 'f16', 5, 0.01],
  ['a small vision transformer', tinyVit, 'bf16', 5, 0.03],
];

/** Trains on the device and in the reference. */
export async function checkTraining([, model, compute, steps, tolerance]: (typeof CASES)[number]): Promise<void> {
  const options = { image: IMAGE, batch: 3, precision: { compute } };
  const plan = planFor(model, options);
  const want = await train(await createReference().load(plan), model, options, steps);
  const got = await train(await createBackend().load(plan), model, options, steps);
  assert.equal(got.length, steps);
  for (const [step, { loss, ok, scale }] of want.entries()) {
    const mine = got[step]!;
    assert.ok(Math.abs(mine.loss! - loss!) <= tolerance * loss!, `step ${step + 1}: the loss is ${mine.loss}, the reference's ${loss}`);
    assert.deepEqual([mine.ok, mine.scale], [ok, scale]);
  }
}

const OPTIONS: ProgramOptions = { batch: 6, image: IMAGE, images: 45, train: { accumulate: 2 } };

const trainInBatches = async (executable: Executable, augment: ConstructorParameters<typeof Batcher>[1]['augment']) => {
  const plan = planFor(small, OPTIONS);
  await executable.writeStates(initialStates(plan, 3));
  const stepper = new Stepper({
    executable,
    plan,
    batcher: new Batcher(noise(45), { seed: 5, shuffle: true, augment: augment ?? [] }),
    division: divideEpoch(45, 6, 2, false),
    rates: (step) => ({ lr: 1e-3 / (1 + step) }),
  });
  for (let step = 0; step < 8; ) step += await stepper.enqueue(step, 4 - (step % 4));
  return {
    results: await stepper.drain(),
    scalars: [],
    states: await executable.readStates(),
    test: await evaluate(executable, plan, noise(20)),
  };
};

/** One layer: what batches hold is all that matters. */
export const small: Model = ({ image, call }) => call('linear', call('flatten', image), { features: 10 }, { as: 'fc' });

/** The same device, which makes no batches. */
const withoutSeries: ProxyHandler<Executable> = {
  get(of, name) {
    const value = name === 'series' ? undefined : Reflect.get(of, name, of);
    return typeof value === 'function' ? value.bind(of) : value;
  },
};

/** Batches that are put together on the device, and those of the host. */
export async function checkBatches(): Promise<void> {
  const changes = [
    [{ kind: 'flip' }, { kind: 'crop', padding: 2 }],
    [
      { kind: 'flip', direction: 'both', alternating: true },
      { kind: 'translate', pixels: 3, fill: 'reflect' },
    ],
  ] as const;
  for (const augment of changes) {
    const own = await createBackend().load(planFor(small, OPTIONS));
    const other = await createBackend().load(planFor(small, OPTIONS));
    const [got, want] = [await trainInBatches(own, augment), await trainInBatches(new Proxy(other, withoutSeries), augment)];
    await Promise.all([own.dispose(), other.dispose()]);
    assert.deepEqual(got.results, want.results);
    assert.deepEqual(differences(want, got), []);
    assert.deepEqual(got.test, want.test);
  }
}
