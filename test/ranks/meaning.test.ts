import assert from 'node:assert/strict';
import { createBackend } from '../../src/runtime/reference/index.js';
import { BATCH, type Choices, inputsOf, onRanks, planOf, STEPS, trained } from './small-plan.js';

/** One rank that accumulates micro-batches. */
function accumulated(count: number, choices: Omit<Choices, 'batch' | 'accumulate'>) {
  const plan = planOf({ ...choices, batch: BATCH / count, accumulate: count });
  return trained(plan, undefined, async (executable) => {
    for (let call = 0; call < STEPS * count; call++) {
      const fn = call % count === count - 1 ? 'train_step' : 'accumulate_step';
      await executable.call(fn, inputsOf(plan, fn, (call * BATCH) / count, BATCH / count, call));
    }
  });
}

describe('several ranks, as reference has them', () => {
  for (const precision of ['fp32', 'fp16', 'bf16\n  policy autocast'])
    for (const count of [2, 4])
      it(`${count} ranks end with the bits of one that accumulates ${count} micro-batches: ${precision}`, async () => {
        const ranks = await onRanks(count, { batch: BATCH, precision });
        const one = await accumulated(count, { precision });
        for (const { states, scalars } of ranks) {
          assert.deepEqual(scalars, ranks[0]!.scalars);
          for (const [name, elements] of states) assert.deepEqual(elements, one.states.get(name), name);
        }
      });

  it('a batch that does not divide evenly, and a rank without an image, leave equal states on all ranks', async () => {
    for (const count of [3, 9]) {
      const ranks = await onRanks(count, { batch: BATCH, norm: ' |> batch_norm', precision: 'fp32' });
      for (const { states, scalars } of ranks) {
        assert.deepEqual(scalars, ranks[0]!.scalars);
        assert.deepEqual(states, ranks[0]!.states);
        for (const [name, elements] of states) assert.ok(elements.every(Number.isFinite), name);
      }
    }
  });

  it('dropout of an image, and batch statistics with sync, are those of one rank with the whole batch', async () => {
    const choices = { batch: BATCH, norm: ' |> batch_norm(sync: true)', dropout: ' |> dropout(0.5)', precision: 'fp32' };
    const whole = planOf(choices);
    const one = await trained(whole, undefined, async (executable) => {
      for (let step = 0; step < STEPS; step++)
        await executable.call('train_step', inputsOf(whole, 'train_step', step * BATCH, BATCH, step));
    });
    for (const count of [2, 3]) {
      const [first] = await onRanks(count, choices);
      for (const [name, elements] of first!.states) {
        const expected = one.states.get(name)!;
        const worst = Math.max(...Array.from(elements, (x, i) => Math.abs(x - expected[i]!)));
        assert.ok(worst < 2e-6, `${name} on ${count} ranks: ${worst}`);
      }
    }
  });

  it('a plan of several ranks needs as many', async () => {
    await assert.rejects(createBackend().load(planOf({ batch: BATCH }, { count: 4, rank: 0 })), /the plan is of 4 ranks, and here is one/);
  });
});
