import assert from 'node:assert/strict';
import { GraphBuilder } from '../../src/ir/builder.js';
import { FLOAT_TYPES, type FloatType } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import type { OpName } from '../../src/ops/index.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';
import type { TensorflowOptions } from '../../src/runtime/tensorflow/index.js';
import { batchPlan, readCaseStates, runCase } from '../codegen/batch.js';
import { type OpCase, opCase, SAMPLED_OPS } from '../ops/cases.js';
import { assertClose, EXACT_OPS, largest } from '../ops/compare.js';
import { loadTensorflow, requireTensorflow, usesGpu } from './support.js';

/** Ops whose bits are the reference's in TensorFlow. */
const EXACT: ReadonlySet<OpName> = new Set<OpName>([...EXACT_OPS, 'unscale']);

/** Share of the largest result that sums and curves in f32 may be off by. */
const TOLERANCE = 2e-6;
/** TensorFlow's Adam takes 1 - beta of the f32 beta: 1.3e-5 off for a beta2 of 0.999. */
const ADAM_TOLERANCE = 3e-5;
/** Half a unit in the last place, relative, of each format: what rounding another f32 can add. */
const HALF_UNIT: Readonly<Record<string, number>> = { f16: 2 ** -10, bf16: 2 ** -7 };
/** What half kernels of TensorFlow may be off by, as a share of the largest result: some of the processor's accumulate in half. */
const NATIVE_TOLERANCE: Readonly<Record<string, number>> = { f16: 1e-2, bf16: 6e-2 };
const CONTRACTIONS: readonly OpName[] = [
  'conv2d',
  'conv2d_input_grad',
  'conv2d_weight_grad',
  'linear',
  'linear_input_grad',
  'linear_weight_grad',
];

/** What f32 contractions of a GPU may be off by: cuDNN also sums by transforms. */
const GPU_TOLERANCE = 1e-4;

function allowed(item: OpCase, { nativeHalf = usesGpu() }: TensorflowOptions, want: ArrayLike<number>): (x: number) => number {
  const { dtype } = item.graph.nodes[item.node]!.type;
  const isContraction = CONTRACTIONS.includes(item.op);
  if (isContraction && dtype === 'f32' && usesGpu()) return () => GPU_TOLERANCE * largest(want);
  if (isContraction && nativeHalf) return () => (NATIVE_TOLERANCE[dtype] ?? TOLERANCE) * largest(want);
  if (EXACT.has(item.op)) return () => 0;
  const share = (item.op.startsWith('adam') ? ADAM_TOLERANCE : TOLERANCE) * largest(want);
  return (x) => share + (HALF_UNIT[dtype] ?? 0) * Math.abs(x);
}

async function checkCases(cases: readonly OpCase[], options: TensorflowOptions = {}): Promise<void> {
  const executable = await loadTensorflow(batchPlan(cases, 'tensorflow'), options);
  try {
    for (const [index, item] of cases.entries()) {
      const { op, graph, node, inputs, states, seed } = item;
      const { dtype, shape } = graph.nodes[node]!.type;
      const what = `${op} ${dtype}[${shape.join(',')}] seed ${seed}`;
      const got = await runCase(executable, item, index);
      const { values, writes } = evaluateGraph(graph, inputs, states as ReadonlyMap<string, Elements>);
      const want = values.get(graph.outputs.result!)!;
      assertClose(got, want, allowed(item, options, want), what);
      const after = await readCaseStates(executable, [...writes.keys()], index);
      for (const [name, elements] of writes)
        assertClose(after.get(name)!, elements, allowed(item, options, elements), `${what}, state ${name}`);
    }
  } finally {
    await executable.dispose();
  }
}

function casesFor(ops: readonly OpName[], seeds: readonly number[], dtype: FloatType): OpCase[] {
  return ops.flatMap((op) => seeds.map((seed) => opCase(op, dtype, seed)));
}

describe('TensorFlow against the reference', function () {
  this.timeout(300_000);

  before(async function () {
    await requireTensorflow(this);
  });

  for (const dtype of FLOAT_TYPES) {
    it(`computes every op in ${dtype}`, async () => {
      await checkCases(casesFor(SAMPLED_OPS, [1, 2, 3, 4], dtype));
    });
  }

  for (const dtype of FLOAT_TYPES) {
    it(`computes pools and convolutions in ${dtype} with TensorFlow's public operations alone`, async () => {
      const ops = SAMPLED_OPS.filter((op) => /pool|conv/.test(op));
      await checkCases(casesFor(ops, [1, 2, 3, 4], dtype), { internalKernels: false });
    });
  }

  it('adds 4,096 halves of 1 up to 4,096', async () => {
    for (const to of ['f16', 'bf16'] as const) {
      const builder = new GraphBuilder();
      const attrs = { name: 'x', role: 'parameter', init: 'constant', value: 1 };
      const x = emit(builder, 'cast', [builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape: [4096, 2] } })], { to });
      const graph = builder.finish('eval_step', { result: emit(builder, 'sum_to_channel', [x], {}, { dtype: 'f32' }) });
      const item = { graph, inputs: {}, states: new Map([['x', new Float32Array(8192).fill(1)]]) };
      const executable = await loadTensorflow(batchPlan([item], 'tensorflow'));
      assert.deepEqual(await runCase(executable, item, 0), Float32Array.of(4096, 4096));
      await executable.dispose();
    }
  });

  for (const dtype of ['f16', 'bf16'] as const) {
    it(`runs the contractions in ${dtype} kernels, as on a GPU`, async () => {
      await checkCases(casesFor(CONTRACTIONS, [1, 2, 3, 4], dtype), { nativeHalf: true });
    });
  }
});
