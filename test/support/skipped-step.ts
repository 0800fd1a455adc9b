import assert from 'node:assert/strict';
import type { AverageSpec } from '../../src/ir/average.js';
import type { OptimizerSpec } from '../../src/ir/optimizer.js';
import type { LossScaling } from '../../src/ir/program.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { initialStates } from '../../src/training/states.js';
import { IS_LONG } from './amount.js';
import { AVERAGES, DYNAMIC, OPTIMIZERS } from './configurations.js';
import { type Model, planOf } from './network.js';

/**
 * `scale` overflows fp16 where the image is white, and what batch norm then takes for statistics is not finite; black images are harmless.
 */
const fragile: Model = ({ image, call }) => {
  const x = call('scale', call('conv2d', image, { channels: 4, kernel: 3, padding: 1 }, { as: 'conv' }), { factor: 60_000 });
  return call('linear', call('global_avg_pool', call('relu', call('batch_norm', x, {}, { as: 'bn' }))), { features: 10 }, { as: 'fc' });
};

const BATCH = 2;
const IMAGE = [8, 8, 3] as const;
const BYTES = BATCH * IMAGE[0] * IMAGE[1] * IMAGE[2];

function bytes(values: Float32Array | Int32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** One optimizer step of `accumulate` micro-batches, white ones where `isWhite` says so; whether its update took place. */
async function takeStep(
  executable: Executable,
  accumulate: number,
  shared: boolean,
  isWhite: (micro: number) => boolean,
): Promise<boolean> {
  for (let micro = 0; micro < accumulate; micro += 1) {
    const inputs = { image: new Uint8Array(BYTES).fill(isWhite(micro) ? 255 : 0), label: Int32Array.of(3, 5) };
    if (micro < accumulate - 1) await executable.call('accumulate_step', inputs);
    else await executable.call('train_step', { ...inputs, lr: Float32Array.of(1e-3), ...(shared && { average: Float32Array.of(0.5) }) });
  }
  return (await executable.drain()).at(-1)?.ok === 1;
}

interface Case {
  readonly optimizer: OptimizerSpec;
  readonly lossScaling: LossScaling;
  readonly accumulate: number;
  readonly average?: AverageSpec;
}

const STATIC: LossScaling = { kind: 'static', scale: 1 };
const MOVING: LossScaling = { ...DYNAMIC, init: 1, floor: 0.125 };

/** Of all parameters: a vector is a matrix of one row. */
const MUON: OptimizerSpec = {
  ...{ kind: 'muon', lr: 1e-4, momentum: 0.9, nesterov: true, steps: 2, eps: 1e-7 },
  ...{ adjust: 'original', renormalize: false, weightDecay: 0.1 },
};

/** Every optimizer and average, 1 to 3 micro-batches a step, and both kinds of loss scaling. */
const CASES: readonly Case[] = [
  { optimizer: OPTIMIZERS.sgd!, lossScaling: MOVING, accumulate: 2, average: AVERAGES.lookahead },
  { optimizer: OPTIMIZERS.momentum!, lossScaling: STATIC, accumulate: 3 },
  { optimizer: OPTIMIZERS.adam!, lossScaling: MOVING, accumulate: 3, average: AVERAGES.ema },
  { optimizer: OPTIMIZERS.adamw!, lossScaling: STATIC, accumulate: 2, average: AVERAGES.swa },
  { optimizer: OPTIMIZERS.adamw!, lossScaling: MOVING, accumulate: 1 },
  { optimizer: OPTIMIZERS.lion!, lossScaling: MOVING, accumulate: 2 },
  { optimizer: OPTIMIZERS.amsgrad!, lossScaling: STATIC, accumulate: 2 },
  { optimizer: OPTIMIZERS.rmsprop!, lossScaling: MOVING, accumulate: 1 },
  { optimizer: MUON, lossScaling: STATIC, accumulate: 2 },
];

/** Cases with every average, number of micro-batches and kind of loss scaling: enough for a backend that compiles each for seconds. */
const USUAL: readonly number[] = [0, 2, 3, 7, 8];

async function assertCase(
  { optimizer, lossScaling, accumulate, average }: Case,
  lowStates: boolean,
  load: (plan: Plan) => Promise<Executable>,
): Promise<void> {
  const title = `${optimizer.kind}, ${lossScaling.kind} scale, accumulate ${accumulate}${lowStates ? ', low states' : ''}`;
  const stored = { masters: 'f16', optimizerState: 'f16' } as const;
  const options = { batch: BATCH, image: IMAGE, mean: 0, std: 0.01, precision: { lossScaling, ...(lowStates && stored) } };
  const plan = planOf(fragile, { ...options, train: { optimizer, accumulate, clip: 1, ...(average && { average }) } });
  const executable = await load(plan);
  try {
    await executable.writeStates(initialStates(plan, 1));
    assert.equal(
      await takeStep(executable, accumulate, average !== undefined, () => false),
      true,
      `${title}: black images do not overflow`,
    );
    const before = await executable.readStates();
    const expected = lossScaling.kind === 'dynamic' ? ['scaler.scale', 'scaler.tracker', 'scaler.skips'] : [];
    for (let white = 0; white < accumulate; white += 1) {
      await executable.writeStates(before);
      assert.equal(
        await takeStep(executable, accumulate, average !== undefined, (micro) => micro === white),
        false,
        `${title}: white images overflow`,
      );
      const after = await executable.readStates();
      const changed = [...before.keys()].filter((name) => !bytes(before.get(name)!).equals(bytes(after.get(name)!)));
      assert.deepEqual(changed, expected, `${title}, micro-batch ${white + 1} overflows`);
    }
    assert.equal(await takeStep(executable, accumulate, average !== undefined, () => false), true, `${title}: the next step is taken`);
    const states = [...(await executable.readStates())];
    assert.deepEqual(
      states.filter(([, values]) => !values.every(Number.isFinite)).map(([name]) => name),
      [],
      title,
    );
    for (const [name, values] of before)
      if (/running_(mean|var)$/.test(name))
        assert.notDeepEqual(states.find(([found]) => found === name)?.[1], values, `${title}: ${name} moves`);
  } finally {
    await executable.dispose();
  }
}

/**
 * Checks that a step in which any one of its micro-batches overflows leaves every state but the loss scale's as it was, to the bit, and
 * that the next step is none the worse for it. `lowStates`: also where weights and the optimizer's state are stored in fp16. `usual`: of a
 * long run all, otherwise those of `USUAL`.
 */
export async function assertSkipsWhole(
  load: (plan: Plan) => Promise<Executable>,
  { lowStates = true, cases = 'usual' }: { readonly lowStates?: boolean; readonly cases?: 'usual' | 'all' } = {},
): Promise<void> {
  for (const [i, each] of CASES.entries())
    if (IS_LONG || cases === 'all' || USUAL.includes(i)) await assertCase(each, lowStates && i % 2 === 0, load);
}
