import assert from 'node:assert/strict';
import type { InstructionSet } from '../../src/codegen/c/target.js';
import { COMPUTE_TYPES, type ComputeType, type ValueId } from '../../src/ir/types.js';
import type { SampleRandom } from '../../src/ops/op.js';
import { defaultTarget } from '../../src/plan/target.js';
import { namedRandom } from '../ops/random.js';
import { amount, IS_LONG } from '../support/amount.js';
import { miniResnet, randomModel, simpleCnn } from '../support/models.js';
import { type Model, type ProgramOptions, planOf } from '../support/network.js';
import { skip } from '../support/skip.js';
import { differences, train } from '../support/steps.js';
import { batchPlan, runCase } from './batch.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';
import {
  CaseBuilder,
  type ContractionCase,
  type ConvolutionShape,
  convolutionShape,
  describeConvolution,
  outputSize,
} from './contraction-cases.js';
import { partCase } from './part-cases.js';
import { repeatCase } from './repeat-cases.js';
import { unfused } from './unfused.js';

const ACTIVATIONS = ['relu', 'relu6', 'gelu', 'silu', 'sigmoid', 'tanh'] as const;
const POOL = { window: [2, 2], stride: [2, 2], padding: [0, 0, 0, 0] };

function convolution(b: CaseBuilder, { x, kernel, out, stride, padding }: ConvolutionShape): ValueId {
  const operands = [
    b.low('x', x),
    b.low('weight', [...kernel, x[3], out]),
    ...(b.random.pick([true, false]) ? [b.full('bias', [out])] : []),
  ];
  return b.emit('conv2d', operands, { stride, padding });
}

/** A shape whose result has even sides, as a pool on the accumulators needs. */
function poolableShape(random: SampleRandom): ConvolutionShape {
  for (;;) {
    const shape = convolutionShape(random);
    if (outputSize(shape).every((size) => size % 2 === 0)) return shape;
  }
}

/** conv2d, an activation before or after the pool, the pool and its index; in some, what the pool reads is an output too. */
function pooledCase(dtype: ComputeType, seed: number): ContractionCase {
  const b = new CaseBuilder(namedRandom('pooled', seed), dtype, false);
  const shape = poolableShape(b.random);
  const first = b.random.pick([true, false]);
  const activation = b.random.pick(ACTIVATIONS);
  const y = convolution(b, shape);
  const read = first ? b.emit(activation, [y]) : y;
  const pooled = b.emit('max_pool2d', [read], POOL);
  const index = b.emit('max_pool2d_index', [read], POOL);
  const result = first ? b.emit('scale', [pooled], { factor: 0.3 }) : b.emit(activation, [pooled]);
  return b.finish(`${activation} and pool of ${describeConvolution(shape)}, seed ${seed}`, {
    result,
    index,
    ...(b.random.pick([true, false]) ? { read } : {}),
  });
}

/** Numbers that rounding, comparing and picking the first of equals can get wrong. */
function awkward(random: SampleRandom): number {
  const special = [NaN, Infinity, -Infinity, 0, -0, 1e-40, -1e-40, 1, 1 + 2 ** -9, 1 + 2 ** -8, -1 - 2 ** -9, -1, 3.4e38, -3.4e38, 65520];
  return random.pick([true, false]) ? random.pick(special) : random.real(-1, 1);
}

/**
 * Numbers whose sums with the offsets are half a unit in the last place apart in f16, or in bf16; then among f16's subnormals, and at its
 * largest.
 */
const CLOSE: readonly { readonly numbers: readonly number[]; readonly offsets: readonly number[] }[] = [
  { numbers: [0, 1, 2].map((k) => 0.5 + k * 2 ** -11), offsets: [1, 0] },
  { numbers: [0, 1, 2].map((k) => 0.5 + k * 2 ** -8), offsets: [1, 0] },
  { numbers: [0, 1, 2].map((k) => 2 ** -14 - k * 2 ** -24), offsets: [2 ** -25, -(2 ** -25), 2 ** -26, 0] },
  { numbers: [65504, 65472, 65440], offsets: [16, 8, 0] },
];

/** A convolution of two channels that adds these, in f32, with a pool right behind it whose windows hold near or equal sums. */
function closePoolCase(dtype: ComputeType, { numbers, offsets }: (typeof CLOSE)[number], seed: number): ContractionCase {
  const b = new CaseBuilder(namedRandom('close', seed), dtype, false);
  let [element, at] = [0, 0];
  const x = b.given('x', [3, 12, 12, 2], () => (element++ % 2 === 0 ? b.random.pick(numbers) : 1 / 64));
  const weight = b.given('weight', [1, 1, 2, 20], () => (at++ < 20 ? b.random.pick([1, -1]) : 64 * b.random.pick(offsets)));
  const y = b.emit('conv2d', [x, weight], { stride: [1, 1], padding: [0, 0, 0, 0] });
  const [result, index] = [b.emit('max_pool2d', [y], POOL), b.emit('max_pool2d_index', [y], POOL)];
  return b.finish(`close numbers, seed ${seed}`, { result, index });
}

/** A convolution that passes numbers on as they are, with a pool right behind it. */
function awkwardPoolCase(dtype: ComputeType, seed: number): ContractionCase {
  const b = new CaseBuilder(namedRandom('awkward', seed), dtype, false);
  const x = b.given('x', [3, 12, 12, 1], () => awkward(b.random));
  const weight = b.given('weight', [1, 1, 1, 20], () => b.random.pick([1, -1]));
  const bias = b.random.pick([true, false]) ? [b.given('bias', [20], () => b.random.pick([0, -0, 0.3]))] : [];
  const y = b.emit('conv2d', [x, weight, ...bias], { stride: [1, 1], padding: [0, 0, 0, 0] });
  const pooled = b.emit('max_pool2d', [y], POOL);
  const index: Record<string, ValueId> = b.random.pick([true, false]) ? { index: b.emit('max_pool2d_index', [y], POOL) } : {};
  return b.finish(`awkward numbers, seed ${seed}`, { result: b.emit('relu', [pooled]), pooled, ...index });
}

/** conv2d, batch norm with given statistics, sum with another tensor, activation. */
function normalizedCase(dtype: ComputeType, seed: number): ContractionCase {
  const b = new CaseBuilder(namedRandom('normalized', seed), dtype, false);
  const shape = convolutionShape(b.random);
  const activation = b.random.pick(ACTIVATIONS);
  const y = convolution(b, shape);
  const vectors = ['mean', 'variance', 'gamma', 'beta'].map((name) => b.full(name, [shape.out]));
  vectors[1] = b.emit('mul', [vectors[1]!, vectors[1]!], {}, 'f32');
  const normalized = b.emit('batch_norm', [y, ...vectors], { eps: 1e-5 });
  const other = b.low('other', b.shape(y));
  const result = b.emit(activation, [b.emit(b.random.pick(['add', 'sub', 'mul']), [normalized, other])]);
  return b.finish(`batch_norm and ${activation} of ${describeConvolution(shape)}, seed ${seed}`, { result });
}

/** linear or the gradient of its input, and a chain of elementwise work with roundings in between. */
function linearCase(dtype: ComputeType, seed: number): ContractionCase {
  const b = new CaseBuilder(namedRandom('linear chain', seed), dtype, false);
  const [rows, outputs] = [b.random.int(1, 150), b.random.int(1, 200)];
  const inputs = b.random.pick([b.random.int(1, 200), 16 * b.random.int(4, 20)]);
  const activation = b.random.pick(ACTIVATIONS);
  const [x, weight] = [b.low('x', [rows, inputs]), b.low('weight', [inputs, outputs])];
  const y = b.emit('linear', [x, weight, b.full('bias', [outputs])]);
  const scaled = b.emit('scale', [y], { factor: 0.7 });
  const product = b.emit('mul', [scaled, y]);
  const result = b.emit(activation, [b.emit('add', [product, scaled])]);
  const dx = b.emit('linear_input_grad', [b.low('dy', [rows, outputs]), weight]);
  const masked = b.emit('relu_grad', [dx, x]);
  return b.finish(`linear ${rows}x${inputs} to ${outputs} ${activation}, seed ${seed}`, { result, masked });
}

/** Runs every case fused and unfused; all outputs are equal bit for bit. */
async function checkFusion(cases: readonly ContractionCase[], isa?: InstructionSet): Promise<void> {
  const plan = batchPlan(cases, 'cpu');
  const apart = unfused(plan);
  const choices = isa === undefined ? {} : { isa };
  const fused = await compilePlan(plan, choices);
  const separate = await compilePlan(apart, choices);
  try {
    for (const [index, item] of cases.entries()) {
      assert.ok(plan.functions[index]!.groups.length < apart.functions[index]!.groups.length, `${item.title} has nothing to fuse`);
      await runCase(fused, item, index, Object.keys(item.graph.outputs)[0]);
      await runCase(separate, item, index, Object.keys(item.graph.outputs)[0]);
      for (const name of Object.keys(item.graph.outputs))
        assert.deepEqual(await fused.readOutput(name), await separate.readOutput(name), `${item.title}: ${name}`);
    }
  } finally {
    await fused.dispose();
    await separate.dispose();
  }
}

function someCases(firstSeed: number, count: number): ContractionCase[] {
  const makers = [pooledCase, awkwardPoolCase, normalizedCase, linearCase];
  return makers.flatMap((make, kind) =>
    Array.from({ length: count }, (_, i) => make(COMPUTE_TYPES[(kind + i) % COMPUTE_TYPES.length]!, firstSeed + i)),
  );
}

async function checkTraining(model: Model, options: ProgramOptions): Promise<void> {
  // Sums over rows are taken in parts that the kernel makes which takes them.
  const plan = planOf(model, { batch: 3, ...options }, { target: { ...defaultTarget('cpu'), channelSums: false } });
  const fused = await train(await compilePlan(plan), plan, 3);
  const apart = unfused(plan);
  assert.deepEqual(differences(fused, await train(await compilePlan(apart), apart, 3)), []);
}

describe('fusion never changes a bit', function () {
  this.timeout(300_000);

  it('behind convolutions and linear layers', () => checkFusion(someCases(1, amount(3, 6))));

  it('of values that are repeated along axes of what reads them', () =>
    checkFusion(COMPUTE_TYPES.flatMap((dtype, i) => [2, 3, 4].map((seed) => repeatCase(dtype, 3 * seed + i)))));

  it('of parts of larger values, read where they are', () =>
    checkFusion(COMPUTE_TYPES.flatMap((dtype, i) => [2, 3, 4].map((seed) => partCase(dtype, 3 * seed + i)))));

  it('of pools whose windows hold near or equal numbers', () =>
    checkFusion(COMPUTE_TYPES.flatMap((dtype) => CLOSE.map((close, i) => closePoolCase(dtype, close, i)))));

  for (const [i, isa] of (['avx512', 'avx2', 'plain'] as const).entries()) {
    it(`behind convolutions and linear layers with ${isa} instructions`, async function () {
      const compiler = await compilerNamed();
      if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(this, `this processor does not run ${isa}`);
      await checkFusion(someCases(100 * (i + 1), 1), isa);
    });
  }

  it('of the training of a small network', () => checkTraining(simpleCnn, { precision: { compute: 'f16' } }));

  it('of the training of a residual network', () => checkTraining(miniResnet, { precision: { compute: 'bf16' } }));

  it('of the training of networks of every kind of layer', async () => {
    for (const seed of IS_LONG ? [3, 4] : [3]) await checkTraining(randomModel(seed), { precision: { compute: COMPUTE_TYPES[seed % 3]! } });
  });
});
