import assert from 'node:assert/strict';
import type { ComputeType } from '../../src/ir/types.js';
import type { Plan, PlanFunction } from '../../src/plan/plan.js';
import type { Executable, Inputs, Scalars } from '../../src/runtime/backend.js';
import { createBackend as createCpu } from '../../src/runtime/cpu/index.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { initialStates } from '../../src/training/states.js';
import { amount } from '../support/amount.js';
import { configurations } from '../support/configurations.js';
import { assertCopies } from '../support/frozen.js';
import { channelNorms, layerNorms, miniResnet, randomModel, simpleCnn } from '../support/models.js';
import { type Model, type ProgramOptions, planOf } from '../support/network.js';
import { skip } from '../support/skip.js';
import { loadTensorflow, requireTensorflow } from './support.js';

function inputsAt({ graph }: PlanFunction, step: number): Inputs {
  const shapeOf = (name: string) => graph.nodes.find((node) => node.op === 'input' && node.attrs.name === name)?.type.shape;
  const image = shapeOf('image')!;
  const pixels = image.reduce((product, size) => product * size, 1);
  const all: Record<string, Uint8Array | Int32Array | Float32Array> = {
    image: Uint8Array.from({ length: pixels }, (_, i) => (Math.imul(i + 31 * (step % 8), 2654435761) >>> 13) & 255),
    label: Int32Array.from({ length: image[0]! }, (_, i) => (i + step) % 10),
    lr: Float32Array.of(1e-3),
    average: Float32Array.of(0.25),
    step: Int32Array.of(step),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => shapeOf(name) !== undefined));
}

async function train(executable: Executable, plan: Plan, steps: number): Promise<readonly Scalars[]> {
  try {
    await executable.writeStates(initialStates(plan, 3));
    const functions = plan.functions.filter((fn) => fn.name !== 'eval_step');
    // Micro-batches come before the step that uses them.
    for (let step = 0; step < steps; step += 1)
      for (const fn of [...functions].reverse()) await executable.call(fn.name, inputsAt(fn, step));
    return await executable.drain();
  } finally {
    await executable.dispose();
  }
}

function assertSameLosses(got: readonly Scalars[], want: readonly Scalars[], drift: number): void {
  for (const [step, { loss, scale, ok }] of want.entries()) {
    const other = got[step]!;
    const allowed = drift * Math.max(1, Math.abs(loss!));
    assert.ok(Math.abs(other.loss! - loss!) <= allowed, `call ${step + 1}: loss ${other.loss}, expected ${loss}`);
    assert.deepEqual([other.scale, other.ok], [scale, ok], `call ${step + 1}`);
  }
}

/** How far losses may drift from the reference in a few steps. */
const DRIFT: Readonly<Record<ComputeType, number>> = { f32: 1e-4, bf16: 3e-2, f16: 5e-3 };

async function assertFollowsReference(model: Model, options: ProgramOptions, steps: number): Promise<void> {
  const plan = planOf(model, { batch: 4, ...options });
  const want = await train(await createReference().load(plan), plan, steps);
  assertSameLosses(await train(await loadTensorflow(plan), plan, steps), want, DRIFT[plan.precision]);
}

const STEPS = amount(40, 100);

describe('training on TensorFlow', function () {
  this.timeout(300_000);

  before(async function () {
    await requireTensorflow(this);
  });

  for (const [compute, drift] of [
    ['f32', 1e-3],
    ['f16', 2e-2],
  ] as const) {
    it(`has the losses of the cpu backend over ${STEPS} steps of SimpleCNN in ${compute}`, async function () {
      if (!(await createCpu().probe()).available) skip(this, 'no C compiler');
      const plan = planOf(simpleCnn, { image: [32, 32, 3], batch: 8, precision: { compute } });
      const want = await train(await createCpu().load(plan), plan, STEPS);
      assertSameLosses(await train(await loadTensorflow(plan), plan, STEPS), want, drift);
    });
  }

  for (const compute of ['f32', 'f16', 'bf16'] as const) {
    it(`follows the reference in ${compute}`, () => assertFollowsReference(miniResnet, { precision: { compute } }, 8));
    it(`follows the reference in ${compute} with layer norms`, () => assertFollowsReference(layerNorms, { precision: { compute } }, 8));
  }

  it('follows the reference in f16 with norms by channel', () =>
    assertFollowsReference(channelNorms, { precision: { compute: 'f16' } }, 8));

  it('follows the reference with every optimizer, policy and format, with scaling, micro-batches and clipping', async () => {
    // Every fifth, or every thirteenth: both are prime to the size of each choice, so all of them meet.
    const every = amount(13, 5);
    for (const [i, [name, options]] of [...configurations()].entries()) {
      if (i % every !== 0) continue;
      await assertFollowsReference(miniResnet, options, 2).catch((error: Error) => {
        throw new Error(`${name}: ${error.message}`);
      });
    }
  });

  it('follows the reference on networks of every kind of layer', async () => {
    for (let seed = 1; seed <= amount(6, 12); seed += 1) {
      const compute = (['f32', 'f16', 'bf16'] as const)[seed % 3]!;
      await assertFollowsReference(randomModel(seed), { precision: { compute } }, 2).catch((error: Error) => {
        throw new Error(`seed ${seed}, ${compute}: ${error.message}`);
      });
    }
  });

  it('gives the same bits where frozen weights have copies', () => assertCopies('tensorflow', 'bf16', loadTensorflow));
});
