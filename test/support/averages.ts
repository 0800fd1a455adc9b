import assert from 'node:assert/strict';
import type { AverageSpec } from '../../src/ir/average.js';
import { AVERAGE_COUNT, averagedIn } from '../../src/ir/graph-names.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { initialStates, type StateValues } from '../../src/training/states.js';
import { AVERAGES, OPTIMIZERS } from './configurations.js';
import { type Model, type ProgramOptions, planOf } from './network.js';
import { inputsAt } from './steps.js';

const small: Model = ({ image, call }) => {
  const x = call('relu', call('batch_norm', call('conv2d', image, { channels: 6, kernel: 3 }, { as: 'conv' }), {}, { as: 'bn' }));
  return call('linear', call('global_avg_pool', x), { features: 10 }, { as: 'fc' });
};

/** What enters the averages in each step: from both ends of an interpolation, all, and nothing. */
const SHARES = [0.1, 0, 0.75, 0.3, 1];

async function step(executable: Executable, plan: Plan, number: number, share: number): Promise<StateValues> {
  for (const fn of plan.functions.filter(({ name }) => name !== 'eval_step').reverse()) {
    const inputs = inputsAt(fn, number);
    await executable.call(fn.name, 'average' in inputs ? { ...inputs, average: Float32Array.of(share) } : inputs);
  }
  await executable.drain();
  return executable.readStates();
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  for (let i = 0; i < expected.length; i += 1)
    assert.ok(
      Math.abs(actual[i]! - expected[i]!) <= 2e-6 * Math.max(1, Math.abs(expected[i]!)),
      `${what}: ${actual[i]}, not ${expected[i]}`,
    );
}

/** How much of the weights enters an average of which `taken` have been taken. */
function shareAt({ kind }: AverageSpec, share: number, taken: number): number {
  if (share === 0 || kind === 'lookahead') return share;
  if (taken === 0) return 1;
  return kind === 'swa' ? 1 / (taken + 1) : share;
}

async function assertKept(average: AverageSpec, options: ProgramOptions, load: (plan: Plan) => Promise<Executable>): Promise<void> {
  const plan = planOf(small, { ...options, train: { ...options.train, average } });
  const without = planOf(small, options);
  const [kept, plain] = [await load(plan), await load(without)];
  try {
    await kept.writeStates(initialStates(plan, 3));
    let before: StateValues = await kept.readStates();
    let taken = 0;
    for (const [number, share] of SHARES.entries()) {
      const what = `${average.kind}, step ${number + 1}`;
      const known = new Set((await plain.readStates()).keys());
      await plain.writeStates(new Map([...before].filter(([name]) => known.has(name))));
      const fast = await step(plain, without, number, share);
      const after = await step(kept, plan, number, share);
      const names = [...after.keys()].filter((name) => averagedIn(name) !== undefined);
      // Weights and biases of three layers, and two statistics.
      assert.equal(names.length, 8);
      const s = shareAt(average, share, taken);
      if (share > 0) taken += 1;
      assert.deepEqual([...after.get(AVERAGE_COUNT)!], [taken], what);
      for (const name of names) {
        const of = averagedIn(name)!;
        const [w, a] = [fast.get(of)!, before.get(name)!];
        assertClose(
          after.get(name)!,
          Array.from(w, (value, i) => a[i]! + s * (value - a[i]!)),
          `${name}, ${what}`,
        );
        if (average.kind === 'lookahead' && share > 0) assert.deepEqual(after.get(of), after.get(name), `${of}, ${what}`);
        else assertClose(after.get(of)!, w, `${of}, ${what}`);
      }
      before = after;
    }
  } finally {
    await kept.dispose();
    await plain.dispose();
  }
}

/** Checks averages of every kind, step by step, against the same steps without any: with and without loss scale and micro-batches. */
export async function assertKeepsAverages(load: (plan: Plan) => Promise<Executable>): Promise<void> {
  await assertKept(AVERAGES.ema, { precision: { compute: 'f32' }, train: { optimizer: OPTIMIZERS.momentum! } }, load);
  await assertKept(AVERAGES.swa, { precision: { compute: 'f16' }, train: { optimizer: OPTIMIZERS.sgd! } }, load);
  await assertKept(AVERAGES.lookahead, { train: { optimizer: OPTIMIZERS.adamw!, accumulate: 2, clip: 1 } }, load);
}
