import assert from 'node:assert/strict';
import { COMPUTE_TYPES, type ComputeType, type ValueId } from '../../src/ir/types.js';
import type { Compiler } from '../../src/runtime/cpu/compiler.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { assertClose } from '../ops/compare.js';
import { namedRandom } from '../ops/random.js';
import { amount, IS_LONG } from '../support/amount.js';
import { skip } from '../support/skip.js';
import { batchPlan, runCase } from './batch.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';
import { CaseBuilder, type ContractionCase, convolutionShape, describeConvolution } from './contraction-cases.js';

interface Shape {
  readonly x: readonly number[];
  readonly kernel: readonly [number, number];
  readonly out: number;
  readonly stride: readonly [number, number];
  readonly padding: readonly number[];
  readonly groups?: number;
}

const SQUARE = { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1] } as const;
const POINT = { kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0] } as const;

/** Shapes that get each of the kernels: in tiles, by filtering, in small groups, with channels shared out, of few rows, of one. */
const SHAPES: readonly Shape[] = [
  { ...POINT, x: [3, 9, 9, 20], out: 48 },
  { ...POINT, x: [2, 12, 12, 7], out: 133 },
  { ...POINT, x: [1, 8, 8, 16], out: 256 },
  { ...SQUARE, x: [3, 12, 12, 64], out: 64 },
  { ...SQUARE, x: [2, 11, 9, 24], out: 24, groups: 24 },
  { ...SQUARE, x: [3, 9, 10, 70], out: 70, groups: 70, stride: [2, 2] },
  { ...SQUARE, x: [2, 9, 9, 40], out: 80, groups: 2 },
  { ...SQUARE, x: [5, 3, 3, 5], out: 17 },
  { ...SQUARE, x: [1, 1, 1, 5], out: 1 },
];

/**
 * Statistics of a convolution's result and its normalized value; and of the gradient of its input, masked, the sums that the gradients of a
 * batch norm are. On integers. `shown`: what is summed up is an output too.
 */
function caseOf(shape: Shape, dtype: ComputeType, seed: number, shown: boolean): ContractionCase {
  const b = new CaseBuilder(namedRandom('channel sums', seed), dtype, true);
  const { x: size, kernel, out, stride, padding, groups = 1 } = shape;
  const attrs = { stride, padding, ...(groups > 1 && { groups }) };
  const channels = size[3]!;
  const [x, weight] = [b.low('x', size), b.low('weight', [...kernel, channels / groups, out])];
  const y = b.emit('conv2d', [x, weight], attrs);
  const mean = b.emit('channel_mean', [y], {}, 'f32');
  const variance = b.emit('channel_variance', [y, mean], {}, 'f32');
  const normalized = b.emit('batch_norm', [y, mean, variance, b.full('scale', [out]), b.full('shift', [out])], { eps: 1e-3 });
  const dx = b.emit('conv2d_input_grad', [b.low('dy', b.shape(y)), weight], { ...attrs, size: size.slice(1, 3) });
  const masked = b.emit('relu_grad', [dx, x]);
  const given = ['mean', 'variance'].map((name) => b.full(name, [channels]));
  const squared = b.emit('mul', [given[1]!, given[1]!], {}, 'f32');
  const dweight = b.emit('batch_norm_weight_grad', [x, masked, given[0]!, squared], { eps: 1 }, 'f32');
  const outputs: Record<string, ValueId> = { mean, variance, result: b.emit('relu', [normalized]), dweight };
  outputs.dbias = b.emit('sum_to_channel', [masked], {}, 'f32');
  const title = `${describeConvolution(shape as Parameters<typeof describeConvolution>[0])}, ${groups} groups`;
  return b.finish(title, shown ? { y, masked, ...outputs } : outputs);
}

const CASES = [
  ...SHAPES.flatMap((shape, i) =>
    COMPUTE_TYPES.flatMap((dtype, j) => (IS_LONG || (i + j) % 3 < 2 ? [caseOf(shape, dtype, i, (i + j) % 2 === 0)] : [])),
  ),
  ...Array.from({ length: amount(3, 9) }, (_, i) =>
    caseOf(convolutionShape(namedRandom('of sums', i)), COMPUTE_TYPES[i % 3]!, 100 + i, i % 2 === 0),
  ),
];

/** What sums may be off by, relative and absolute: those of integers are exact, but for the division by their number. */
const OFF: Readonly<Record<string, number>> = { mean: 1e-7, variance: 1e-6, dweight: 1e-5, result: 1e-5 };

describe('sums over rows where a contraction makes them', function () {
  this.timeout(300_000);
  let compiler: Compiler;

  before(async function () {
    const found = await compilerNamed();
    if (found === undefined) skip(this, 'no C compiler');
    compiler = found;
  });

  it('stand in the group of the contraction', () => {
    const plan = batchPlan(CASES, 'cpu');
    for (const { graph, groups } of plan.functions) {
      const sums = groups.filter(({ nodes }) => nodes.some((id) => graph.nodes[id]!.op === 'sum_to_channel'));
      assert.ok(sums.every(({ kind }) => kind === 'contraction'));
      const statistics = groups.filter(({ nodes }) => nodes.some((id) => graph.nodes[id]!.op.startsWith('channel_')));
      assert.equal(statistics.length, 1);
    }
  });

  it("are the reference's, whatever the kernel, the format and the instruction set", async () => {
    for (const [set, isa] of (await runnableSets(compiler)).entries()) {
      const cases = set === 0 ? CASES : CASES.filter((_, i) => i % 4 === set % 4);
      const executable = await compilePlan(batchPlan(cases, 'cpu'), { isa });
      try {
        for (const [index, item] of cases.entries()) {
          const { values } = evaluateGraph(item.graph, item.inputs, item.states);
          await runCase(executable, item, index, 'mean');
          for (const [name, id] of Object.entries(item.graph.outputs)) {
            const off = OFF[name] ?? 0;
            const rounding = name === 'result' && item.graph.nodes[id]!.type.dtype !== 'f32' ? 2 ** -7 : 0;
            assertClose(
              await executable.readOutput(name),
              values.get(id)!,
              (value) => off + (off + rounding) * Math.abs(value),
              `${item.title}: ${name}, ${isa}`,
            );
          }
        }
      } finally {
        await executable.dispose();
      }
    }
  });

  it('have the same bits for any number of threads', async () => {
    const [one, three] = await Promise.all([1, 3].map((threads) => compilePlan(batchPlan(CASES, 'cpu'), { threads })));
    try {
      for (const [index, item] of CASES.entries()) {
        for (const executable of [one!, three!]) await runCase(executable, item, index, 'mean');
        for (const name of Object.keys(item.graph.outputs))
          assert.deepEqual(await one!.readOutput(name), await three!.readOutput(name), `${item.title}: ${name}`);
      }
    } finally {
      await one!.dispose();
      await three!.dispose();
    }
  });
});
