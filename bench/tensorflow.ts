/**
 * One training step of SimpleCNN: ampc's plan on TensorFlow against the public API of @tensorflow/tfjs-node, on one addon, in turns.
 *
 *   npx tsx bench/tensorflow.ts [--batch 64] [--steps 20] [--rounds 5] [--ops] [--peers .peers/tensorflow]
 *
 * Needs scripts/install-tensorflow.sh, whose folder `--peers` names, and Node.js before 23 (the public API breaks on newer ones).
 * `--ops` times every call of the addon too, and prints what a step of either side spends in each operation, from 0.1 ms on.
 * Both sides start from a batch of bytes, upload and normalize it; a third, for information, has its images in f32 on the device already.
 * The public API does what is fastest for it: production mode, and biases behind the pools, where a quarter of the elements are left.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compileToRun } from '../src/choose/plan-file.js';
import { makeInputs } from '../src/costs/inputs.js';
import { readSource } from '../src/files/source.js';
import { initialStates } from '../src/training/states.js';
import { median } from './statistics.js';

const { values } = parseArgs({
  options: {
    batch: { type: 'string', default: '64' },
    steps: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '5' },
    ops: { type: 'boolean', default: false },
    peers: { type: 'string', default: fileURLToPath(new URL('../.peers/tensorflow', import.meta.url)) },
  },
});
const PEERS = resolve(values.peers, 'package.json');
const ADDON = createRequire(PEERS).resolve('@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node');
process.env.AMPC_TFJS_BINDING = ADDON;

interface PublicTensor {
  dataSync(): Float32Array;
  dispose(): void;
  reshape(shape: readonly number[]): PublicTensor;
  toFloat(): PublicTensor;
  mul(value: number): PublicTensor;
  sub(value: number): PublicTensor;
  add(other: PublicTensor): PublicTensor;
}

/** The part of the public API that is used here. */
interface PublicApi {
  enableProdMode(): void;
  randomNormal(shape: readonly number[], mean: number, deviation: number): PublicTensor;
  zeros(shape: readonly number[]): PublicTensor;
  variable(value: PublicTensor): PublicTensor;
  conv2d(x: PublicTensor, filter: PublicTensor, strides: number, pad: 'same'): PublicTensor;
  maxPool(x: PublicTensor, size: number, strides: number, pad: 'valid'): PublicTensor;
  relu(x: PublicTensor): PublicTensor;
  matMul(a: PublicTensor, b: PublicTensor): PublicTensor;
  oneHot(indices: PublicTensor, depth: number): PublicTensor;
  tensor1d(values: Int32Array, dtype: 'int32'): PublicTensor;
  tensor4d(values: Uint8Array, shape: readonly number[], dtype: 'int32'): PublicTensor;
  losses: { softmaxCrossEntropy(labels: PublicTensor, logits: PublicTensor): PublicTensor };
  train: { adam(rate: number): { minimize(loss: () => PublicTensor, returnCost: true): PublicTensor } };
}

type Step = () => Promise<void>;

/** Milliseconds and calls of each operation, while it is set. */
let spent: Map<string, { ms: number; calls: number }> | undefined;

/** Puts an addon that times its calls in the place of the real one, for both sides. */
function timeOperations(): void {
  const require = createRequire(PEERS);
  const real = require(ADDON) as Record<string, (...args: unknown[]) => unknown>;
  const timed = Object.fromEntries(Object.getOwnPropertyNames(real).map((name) => [name, real[name]!]));
  for (const name of ['executeOp', 'createTensor', 'deleteTensor', 'tensorDataSync']) {
    timed[name] = (...args) => {
      const started = performance.now();
      const result = real[name]!(...args);
      const ms = performance.now() - started;
      const key = name === 'executeOp' ? (args[0] as string) : name;
      const sum = spent?.get(key) ?? { ms: 0, calls: 0 };
      spent?.set(key, { ms: sum.ms + ms, calls: sum.calls + 1 });
      return result;
    };
  }
  require.cache[ADDON]!.exports = timed;
}

function publicStep(batch: number, resident: boolean): Step {
  const tf = createRequire(PEERS)('@tensorflow/tfjs-node') as PublicApi;
  tf.enableProdMode();
  const weight = (...shape: number[]) => tf.variable(tf.randomNormal(shape, 0, 0.05));
  const bias = (length: number) => tf.variable(tf.zeros([length]));
  const bytes = Uint8Array.from({ length: batch * 3072 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);
  const uploaded = () =>
    tf
      .tensor4d(bytes, [batch, 32, 32, 3], 'int32')
      .toFloat()
      .mul(1 / 127.5)
      .sub(1);
  const oneHot = () => tf.oneHot(tf.tensor1d(labels, 'int32'), 10);
  const kept = resident ? { image: uploaded(), label: oneHot() } : undefined;
  const [w1, b1, w2, b2] = [weight(3, 3, 3, 32), bias(32), weight(3, 3, 32, 64), bias(64)];
  const [w3, b3, w4, b4] = [weight(4096, 128), bias(128), weight(128, 10), bias(10)];
  const stage = (x: PublicTensor, w: PublicTensor, b: PublicTensor) =>
    tf.relu(tf.maxPool(tf.conv2d(x, w, 1, 'same'), 2, 2, 'valid').add(b));
  const loss = () => {
    const { image, label } = kept ?? { image: uploaded(), label: oneHot() };
    const features = stage(stage(image, w1, b1), w2, b2).reshape([batch, 4096]);
    const hidden = tf.relu(tf.matMul(features, w3).add(b3));
    return tf.losses.softmaxCrossEntropy(label, tf.matMul(hidden, w4).add(b4));
  };
  const adam = tf.train.adam(1e-3);
  return async () => {
    const cost = adam.minimize(loss, true);
    cost.dataSync();
    cost.dispose();
  };
}

async function planStep(precision: 'fp32' | 'fp16' | 'bf16', batch: number): Promise<Step> {
  const { plan, program, backend } = await compileToRun(await readSource('examples/simple-cnn.amp'), {
    backend: 'tensorflow',
    precision,
    batch,
  });
  const executable = await backend.load(plan);
  await executable.writeStates(initialStates(plan, 0));
  const inputs = makeInputs(plan, 'train_step', program.recipe.classes);
  return async () => {
    await executable.call('train_step', inputs);
    await executable.drain();
  };
}

async function timed(step: Step, steps: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < steps; i += 1) {
    const started = performance.now();
    await step();
    times.push(performance.now() - started);
  }
  return times;
}

const batch = Number(values.batch);
if (values.ops) timeOperations();
const sides: Record<string, Step> = {
  'public API, fp32': publicStep(batch, false),
  'public API, fp32, images resident': publicStep(batch, true),
};
for (const precision of ['fp32', 'fp16', 'bf16'] as const) sides[`ampc, ${precision}`] = await planStep(precision, batch);
const times = new Map(Object.keys(sides).map((side) => [side, [] as number[]]));
const operations = new Map(Object.keys(sides).map((side) => [side, new Map<string, { ms: number; calls: number }>()]));
for (const step of Object.values(sides)) await timed(step, 5);
for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const [side, step] of Object.entries(sides)) {
    if (values.ops) spent = operations.get(side);
    times.get(side)!.push(...(await timed(step, Number(values.steps))));
  }
}
const base = median(times.get('public API, fp32')!);
for (const [side, ms] of times) {
  console.log(
    `${side.padEnd(34)} ${median(ms).toFixed(2)} ms a step (best ${Math.min(...ms).toFixed(2)}), ${(median(ms) / base).toFixed(2)} of ` +
      'the public API',
  );
}

if (values.ops) {
  for (const side of ['public API, fp32', 'ampc, fp32']) {
    const steps = times.get(side)!.length;
    const all = [...operations.get(side)!].sort(([, a], [, b]) => b.ms - a.ms);
    const ms = (amount: number) => `${(amount / steps).toFixed(2).padStart(6)} ms`;
    console.log(`\n${side}, mean of a step:`);
    for (const [name, sum] of all.filter(([, sum]) => sum.ms / steps >= 0.1))
      console.log(`${ms(sum.ms)}  ${name}, ${Math.round(sum.calls / steps)} times`);
    const inAddon = all.reduce((total, [, sum]) => total + sum.ms, 0);
    console.log(`${ms(inAddon)}  in the addon\n${ms(times.get(side)!.reduce((total, time) => total + time, 0) - inAddon)}  outside of it`);
  }
}
