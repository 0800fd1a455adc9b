import { GraphBuilder } from '../../src/ir/builder.js';
import type { Attrs, TensorType, ValueId } from '../../src/ir/types.js';
import { elementCount } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import type { OpName } from '../../src/ops/index.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { batchPlan, type GraphCase, runCase } from '../codegen/batch.js';
import { assertClose } from './compare.js';
import { namedRandom } from './random.js';

/** One op that adds many terms, all of one sign: what the sum is off by is a share of the sum. */
interface ReductionCase extends GraphCase {
  readonly op: OpName;
}

interface Operand {
  readonly shape: readonly number[];
  readonly low: number;
  readonly high: number;
  /** Whole numbers: labels. */
  readonly whole?: boolean;
}

const between = (low: number, high: number, ...shape: number[]): Operand => ({ shape, low, high });

/** The op on random operands: states called `x0`, `x1` .., and the input `label`. */
function reductionCase(op: OpName, operands: readonly Operand[], attrs: Attrs = {}): ReductionCase {
  const random = namedRandom(op, elementCount(operands[0]!.shape));
  const builder = new GraphBuilder();
  const states = new Map<string, Float32Array>();
  const inputs: Record<string, Int32Array> = {};
  const labels = operands.findIndex(({ whole }) => whole === true);
  const type = ({ shape, whole }: Operand): TensorType => ({ dtype: whole === true ? 'i32' : 'f32', shape });
  const label = labels < 0 ? undefined : builder.add({ op: 'input', attrs: { name: 'label' }, type: type(operands[labels]!) });
  const ids = operands.map((operand, i) => {
    const length = elementCount(operand.shape);
    if (operand.whole === true) {
      inputs.label = Int32Array.from({ length }, () => random.int(operand.low, operand.high));
      return label!;
    }
    states.set(
      `x${i}`,
      Float32Array.from({ length }, () => random.real(operand.low, operand.high)),
    );
    return builder.add({ op: 'state', attrs: { name: `x${i}`, role: 'parameter', init: 'constant', value: 0 }, type: type(operand) });
  });
  return { op, graph: builder.finish('eval_step', { result: emit(builder, op, ids, attrs) }), inputs, states };
}

/** Few terms and many: what a sum is off by may not depend on it. */
const ROWS = [100, 60_000] as const;
/** What a sum of terms of one sign may be off by, as a share of it. */
const SUM = 4 * 2 ** -24;
/** The same of a weight gradient, which adds some hundreds or thousands of products in a row. */
const PRODUCTS = 32 * 2 ** -24;

function weightGradients(rows: number): ReductionCase[] {
  const image = { stride: [1, 1], padding: [0, 0, 0, 0], kernel: [2, 2] };
  return [
    reductionCase('linear_weight_grad', [between(1, 2, rows, 6), between(1, 2, rows, 5)]),
    reductionCase('conv2d_weight_grad', [between(1, 2, rows / 10, 5, 3, 4), between(1, 2, rows / 10, 4, 2, 5)], image),
    reductionCase('conv2d_weight_grad', [between(1, 2, rows / 10, 5, 3, 3), between(1, 2, rows / 10, 4, 2, 7)], image),
  ];
}

/** Every other op that sums over the batch, and the norm. */
function otherSums(rows: number): ReductionCase[] {
  const channels = 6;
  const labels: Operand = { shape: [rows], low: 0, high: channels - 1, whole: true };
  const logits = between(-3, 3, rows, channels);
  const perChannel = between(1, 2, channels);
  return [
    reductionCase('sum_to_channel', [between(1, 2, rows, channels)]),
    reductionCase('channel_mean', [between(90, 110, rows, channels)]),
    reductionCase('channel_variance', [between(90, 110, rows, channels), between(99, 101, channels)]),
    reductionCase('batch_norm_weight_grad', [between(2, 3, rows, channels), between(1, 2, rows, channels), perChannel, perChannel], {
      eps: 1e-5,
    }),
    reductionCase('sum', [between(1, 2, 2, rows, 3)], { axes: [1], keep: false }),
    reductionCase('mean', [between(2e38, 3e38, 3, rows)], { axes: [1], keep: true }),
    reductionCase('layer_norm_statistics', [between(90, 110, 3, rows)], { eps: 1e-5 }),
    reductionCase('layer_norm_weight_grad', [between(2, 3, rows, channels), between(1, 2, rows, channels), between(1, 1.5, rows, 2)]),
    reductionCase('cross_entropy', [logits, labels], { label_smoothing: 0 }),
    reductionCase('cross_entropy', [logits, labels], { label_smoothing: 0.1 }),
    reductionCase('mse', [logits, labels]),
    reductionCase('huber', [logits, labels], { delta: 1 }),
    reductionCase('binary_cross_entropy', [logits, labels]),
    reductionCase('focal', [logits, labels], { gamma: 2, alpha: 0.25 }),
    reductionCase('global_norm', [between(1, 2, rows, channels), between(1, 2, 7)]),
  ];
}

/** Results in double precision, rounded once. */
function inDouble({ graph, inputs, states }: GraphCase, output = 'result'): ArrayLike<number> {
  return evaluateGraph(graph, inputs, states).values.get(graph.outputs[output]!)!;
}

type Open = (plan: Plan) => Promise<Executable>;

async function checkAll(cases: readonly ReductionCase[], backend: string, open: Open, share: number): Promise<void> {
  const executable = await open(batchPlan(cases, backend));
  try {
    for (const [index, item] of cases.entries()) {
      const terms = item.states.get('x0')!.length;
      assertClose(await runCase(executable, item, index), inDouble(item), (x) => share * Math.abs(x), `${item.op} of ${terms}`);
    }
  } finally {
    await executable.dispose();
  }
}

export async function checkWeightGradients(backend: string, open: Open): Promise<void> {
  await checkAll(ROWS.flatMap(weightGradients), backend, open, PRODUCTS);
}

export async function checkOtherSums(backend: string, open: Open): Promise<void> {
  await checkAll(ROWS.flatMap(otherSums), backend, open, SUM);
}

const EQUAL = Float32Array.of(100, 100.1, -31234.567, 0.001, 7e8);

/** Rows that hold one number each, through a layer norm. */
function equalRows(): GraphCase {
  const builder = new GraphBuilder();
  const columns = 12_000;
  const states = new Map([
    ['x', Float32Array.from({ length: EQUAL.length * columns }, (_, i) => EQUAL[Math.floor(i / columns)]!)],
    ['weight', new Float32Array(columns).fill(1)],
    ['bias', new Float32Array(columns)],
  ]);
  const [x, weight, bias] = [...states].map(([name, { length }]) => {
    const attrs = { name, role: 'parameter', init: 'constant', value: 0 };
    return builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape: name === 'x' ? [EQUAL.length, columns] : [length] } });
  }) as [ValueId, ValueId, ValueId];
  const statistics = emit(builder, 'layer_norm_statistics', [x], { eps: 1e-5 });
  return { graph: builder.finish('eval_step', { result: emit(builder, 'layer_norm', [x, statistics, weight, bias]) }), inputs: {}, states };
}

/** Channels, and rows, that hold one number each: their mean is that number, so that a normalisation makes zeros of them. */
export async function checkEqualNumbers(backend: string, open: Open): Promise<void> {
  const channels = EQUAL;
  const builder = new GraphBuilder();
  const shape = [12_000, channels.length];
  const states = new Map([
    ['x', Float32Array.from({ length: elementCount(shape) }, (_, i) => channels[i % channels.length]!)],
    ['weight', new Float32Array(channels.length).fill(1)],
    ['bias', new Float32Array(channels.length)],
  ]);
  const [x, weight, bias] = [...states].map(([name, { length }]) => {
    const attrs = { name, role: 'parameter', init: 'constant', value: 0 };
    return builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape: name === 'x' ? shape : [length] } });
  }) as [ValueId, ValueId, ValueId];
  const mean = emit(builder, 'channel_mean', [x]);
  const variance = emit(builder, 'channel_variance', [x, mean]);
  const result = emit(builder, 'batch_norm', [x, mean, variance, weight, bias], { eps: 1e-5 });
  const items: readonly GraphCase[] = [{ graph: builder.finish('eval_step', { result }), inputs: {}, states }, equalRows()];
  const executable = await open(batchPlan(items, backend));
  try {
    for (const [index, item] of items.entries())
      assertClose(await runCase(executable, item, index), new Float32Array(elementCount(shape)), () => 1e-6, 'normalized');
  } finally {
    await executable.dispose();
  }
}

/** Gradients whose squares overflow or vanish in f32: their norm does not, and clipping brings it down to 0.5 where it is above. */
const GRADIENTS: readonly (readonly number[])[] = [
  new Array<number>(1000).fill(1e18),
  new Array<number>(1000).fill(1e-30),
  [3e38, 1e38],
  [1e18, 1, 1e-30, -2e18],
  [1e15, -1e16, 2e15],
  [1e-15, -1e-16, 2e-15],
  [2e-38, 3e-38],
  [1, 1e-20, 1e-12],
  [0, 0],
  [3e38, 3e38],
  [1e20, Number.NaN],
  [1, Number.POSITIVE_INFINITY],
];

export async function checkNorms(backend: string, open: Open): Promise<void> {
  const cases = GRADIENTS.map((elements) => {
    const builder = new GraphBuilder();
    const halves = [elements.slice(0, elements.length / 2), elements.slice(elements.length / 2)];
    const states = new Map(halves.map((half, i) => [`g${i}`, Float32Array.from(half)]));
    const gradients = halves.map((half, i) => {
      const attrs = { name: `g${i}`, role: 'parameter', init: 'constant', value: 0 };
      return builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape: [half.length] } });
    });
    const norm = emit(builder, 'global_norm', gradients);
    const clipped = emit(builder, 'clip_by_norm', [gradients[0]!, norm], { max: 0.5 });
    return { elements, graph: builder.finish('eval_step', { norm, clipped }), inputs: {}, states };
  });
  const executable = await open(batchPlan(cases, backend));
  try {
    for (const [index, item] of cases.entries()) {
      for (const [output, share] of [
        ['norm', SUM],
        ['clipped', 1e-5],
      ] as const) {
        const what = `${output} of ${item.elements.slice(0, 4)}`;
        assertClose(await runCase(executable, item, index, output), inDouble(item, output), (x) => share * Math.abs(x), what);
      }
    }
  } finally {
    await executable.dispose();
  }
}
