import assert from 'node:assert/strict';
import type { FloatType } from '../../src/ir/types.js';
import type { Plan, PlanFunction } from '../../src/plan/plan.js';
import type { Executable, Inputs, Scalars } from '../../src/runtime/backend.js';
import { createBackend as createCpu } from '../../src/runtime/cpu/index.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { initialStates } from '../../src/training/states.js';
import { miniResnet, randomModel } from '../support/models.js';
import { type Model, type ProgramOptions, planOf } from '../support/network.js';

function inputsAt({ graph }: PlanFunction, step: number): Inputs {
  const shapeOf = (name: string) => graph.nodes.find((node) => node.op === 'input' && node.attrs.name === name)?.type.shape;
  const image = shapeOf('image')!;
  const pixels = image.reduce((product, size) => product * size, 1);
  const all: Record<string, Uint8Array | Int32Array | Float32Array> = {
    image: Uint8Array.from({ length: pixels }, (_, i) => (Math.imul(i + 31 * step, 2654435761) >>> 13) & 255),
    label: Int32Array.from({ length: image[0]! }, (_, i) => (i + step) % 10),
    lr: Float32Array.of(1e-3),
    step: Int32Array.of(step),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => shapeOf(name) !== undefined));
}

interface Outcome {
  readonly scalars: readonly Scalars[];
  readonly states: ReadonlyMap<string, Float32Array | Int32Array>;
}

async function train(executable: Executable, plan: Plan, steps: number): Promise<Outcome> {
  try {
    await executable.writeStates(initialStates(plan, 3));
    const functions = plan.functions.filter((fn) => fn.name !== 'eval_step');
    // Micro-batches come before the step that uses them.
    for (let step = 0; step < steps; step += 1)
      for (const fn of [...functions].reverse()) await executable.call(fn.name, inputsAt(fn, step));
    return { scalars: await executable.drain(), states: await executable.readStates() };
  } finally {
    await executable.dispose();
  }
}

const onCpu = async (plan: Plan, steps: number, threads: number) => train(await createCpu().load(plan, { threads }), plan, steps);

function assertSameBits(a: Outcome, b: Outcome): void {
  assert.deepEqual(a.scalars, b.scalars);
  for (const [name, elements] of a.states) {
    const bytes = (values: ArrayBufferView) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    assert.ok(bytes(elements).equals(bytes(b.states.get(name)!)), `${name} differs`);
  }
}

/** How far losses may drift from the reference in eight steps. */
const DRIFT: Readonly<Record<FloatType, number>> = { f32: 1e-4, bf16: 3e-2, f16: 5e-3 };

async function assertFollowsReference(model: Model, options: ProgramOptions): Promise<void> {
  const plan = planOf(model, { batch: 4, ...options });
  const want = await train(await createReference().load(plan), plan, 8);
  const got = await onCpu(plan, 8, 2);
  for (const [step, { loss, scale }] of want.scalars.entries()) {
    const other = got.scalars[step]!;
    assert.ok(
      Math.abs(other.loss! - loss!) <= DRIFT[plan.precision] * Math.max(1, Math.abs(loss!)),
      `step ${step}: loss ${other.loss}, the reference has ${loss}`,
    );
    assert.equal(other.scale, scale);
  }
}

describe('training on the cpu backend', function () {
  this.timeout(120_000);

  it('gives the same bits with any number of threads', async () => {
    const plan = planOf(miniResnet, { batch: 33, image: [16, 16, 3] });
    const one = await onCpu(plan, 12, 1);
    for (const threads of [2, 5]) assertSameBits(one, await onCpu(plan, 12, threads));
    assertSameBits(one, await onCpu(plan, 12, 1));
  });

  for (const compute of ['f32', 'f16', 'bf16'] as const) {
    it(`follows the reference in ${compute}`, () => assertFollowsReference(miniResnet, { precision: { compute } }));
  }

  it('follows the reference with clipping, momentum and micro-batches', () =>
    assertFollowsReference(miniResnet, {
      train: { clip: 0.5, accumulate: 2, optimizer: { kind: 'sgd', lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-3 } },
    }));

  it('follows the reference on networks of every kind of layer', async () => {
    for (const seed of [1, 2, 3]) await assertFollowsReference(randomModel(seed), { precision: { compute: 'f32' } });
  });
});
