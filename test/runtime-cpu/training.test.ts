import assert from 'node:assert/strict';
import type { ComputeType } from '../../src/ir/types.js';
import type { Plan } from '../../src/plan/plan.js';
import { createBackend as createCpu } from '../../src/runtime/cpu/index.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { channelNorms, layerNorms, miniResnet, randomModel } from '../support/models.js';
import { type Model, type ProgramOptions, planOf } from '../support/network.js';
import { differences, train } from '../support/steps.js';

const onCpu = async (plan: Plan, steps: number, threads: number) => train(await createCpu().load(plan, { threads }), plan, steps);

/** How far losses may drift from the reference in eight steps. */
const DRIFT: Readonly<Record<ComputeType, number>> = { f32: 1e-4, bf16: 3e-2, f16: 5e-3 };

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

  for (const [name, model] of Object.entries({ miniResnet, layerNorms })) {
    it(`gives the same bits with any number of threads: ${name}`, async () => {
      const plan = planOf(model, { batch: 33, image: [16, 16, 3] });
      const one = await onCpu(plan, 12, 1);
      for (const threads of [2, 5, 1]) assert.deepEqual(differences(one, await onCpu(plan, 12, threads)), []);
    });
  }

  for (const compute of ['f32', 'f16', 'bf16'] as const) {
    it(`follows the reference in ${compute}`, () => assertFollowsReference(miniResnet, { precision: { compute } }));
    it(`follows the reference in ${compute} with layer norms`, () => assertFollowsReference(layerNorms, { precision: { compute } }));
  }

  it('follows the reference in bf16 with norms by channel', () => assertFollowsReference(channelNorms, { precision: { compute: 'bf16' } }));

  it('follows the reference with clipping, momentum and micro-batches', () =>
    assertFollowsReference(miniResnet, {
      train: { clip: 0.5, accumulate: 2, optimizer: { kind: 'sgd', lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-3 } },
    }));

  it('follows the reference on networks of every kind of layer', async () => {
    for (const seed of [1, 2, 3]) await assertFollowsReference(randomModel(seed), { precision: { compute: 'f32' } });
  });
});
