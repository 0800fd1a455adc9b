import assert from 'node:assert/strict';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { Attrs, Shape, ValueId } from '../../src/ir/types.js';
import { elementCount } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import type { OpName } from '../../src/ops/index.js';
import type { Executable } from '../../src/runtime/backend.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { batchPlan, type GraphCase, runCase } from '../codegen/batch.js';
import { namedRandom } from '../ops/random.js';
import { skip } from '../support/skip.js';

/** Half a unit in the last place of 1 in f32. */
const U = 2 ** -24;
/** What each kind of sum may be off by, as a share of the sum of its terms' magnitudes (docs/precision.md). */
const CHANNEL = 20 * U;
const POOL = 70 * U;
const CONTRACTION = 600 * U;

interface SumCase extends GraphCase {
  readonly name: string;
  /** The exact result of each element. */
  readonly exact: (index: number) => number;
  /** Largest error. */
  readonly allowed: (index: number) => number;
}

type Fill = (index: number) => number;

/** A graph of one op on states. */
function caseOf(
  name: string,
  op: OpName,
  operands: readonly (readonly [shape: Shape, fill: Fill])[],
  attrs: Attrs,
  exact: Fill,
  allowed: Fill,
): SumCase {
  const builder = new GraphBuilder();
  const states = new Map<string, Float32Array>();
  const ids = operands.map(([shape, fill], i): ValueId => {
    states.set(
      `x${i}`,
      Float32Array.from({ length: elementCount(shape) }, (_, index) => fill(index)),
    );
    return builder.add({
      op: 'state',
      attrs: { name: `x${i}`, role: 'parameter', init: 'constant', value: 0 },
      type: { dtype: 'f32', shape },
    });
  });
  const graph = builder.finish('eval_step', { result: emit(builder, op, ids, attrs) });
  return { name, graph, inputs: {}, states, exact, allowed };
}

/** The one number that is added up: all roundings of a running sum would go the same way for long. */
const TENTH = Math.fround(0.1);
const tenths: Fill = () => TENTH;

/** Images of three channels: always 100.1, about 0.1, and spread around 3. */
function images(batch: number) {
  const shape: Shape = [batch, 32, 32, 3];
  const random = namedRandom('sums', batch);
  const noise = Float32Array.from({ length: elementCount(shape) }, () => random.real(-1, 1));
  const x = Float32Array.from(noise, (value, i) => [100.1, 0.1 + 1e-3 * value, 3 + value][i % 3]!);
  const dy = Float32Array.from(x, (value, i) => 0.1 + 0.5 * noise[(i * 7) % noise.length]! + 0.01 * value);
  const rows = x.length / 3;
  /** Sum over a channel of a term, and of its magnitude. */
  const total = (term: (index: number, channel: number) => number) => {
    const sums = [0, 0, 0];
    const magnitudes = [0, 0, 0];
    for (let i = 0; i < x.length; i += 1) {
      const value = term(i, i % 3);
      sums[i % 3]! += value;
      magnitudes[i % 3]! += Math.abs(value);
    }
    return { sums, magnitudes };
  };
  return { shape, x, dy, rows, total };
}

const EPS = 1e-5;

function channelCases(batch: number): SumCase[] {
  const { shape, x, dy, rows, total } = images(batch);
  const pixels = [shape, (i: number) => x[i]!] as const;
  const gradients = [shape, (i: number) => dy[i]!] as const;
  const mean = total((i) => x[i]!);
  const means = Float32Array.from(mean.sums, (sum) => sum / rows);
  const squares = total((i, c) => (x[i]! - means[c]!) ** 2);
  const variances = Float32Array.from(squares.sums, (sum) => sum / rows);
  const products = total((i, c) => dy[i]! * (x[i]! - means[c]!));
  const bias = total((i) => dy[i]!);
  const m = [[3], (i: number) => means[i]!] as const;
  const v = [[3], (i: number) => variances[i]!] as const;
  const deviation = (c: number) => Math.sqrt(variances[c]! + EPS);
  const at =
    (values: readonly number[], scale: Fill): Fill =>
    (c) =>
      values[c]! * scale(c);
  const share = () => 1 / rows;
  const named = (op: string) => `${op}, batch ${batch}`;
  return [
    caseOf(
      named('channel_mean'),
      'channel_mean',
      [pixels],
      {},
      at(mean.sums, share),
      at(mean.magnitudes, () => (2 * U) / rows),
    ),
    caseOf(
      named('channel_variance'),
      'channel_variance',
      [pixels, m],
      {},
      at(squares.sums, share),
      at(squares.magnitudes, () => CHANNEL / rows),
    ),
    caseOf(
      named('sum_to_channel'),
      'sum_to_channel',
      [gradients],
      {},
      at(bias.sums, () => 1),
      at(bias.magnitudes, () => CHANNEL),
    ),
    caseOf(
      named('batch_norm_weight_grad'),
      'batch_norm_weight_grad',
      [pixels, gradients, m, v],
      { eps: EPS },
      at(products.sums, (c) => 1 / deviation(c)),
      at(products.magnitudes, (c) => CHANNEL / deviation(c)),
    ),
  ];
}

/** Batch norm by the statistics of the batch itself. */
function normalized(batch: number): SumCase {
  const { shape, x, rows, total } = images(batch);
  const builder = new GraphBuilder();
  const state = (name: string, values: readonly number[] | Float32Array, of: Shape): readonly [ValueId, [string, Float32Array]] => {
    const attrs = { name, role: 'parameter', init: 'constant', value: 0 };
    return [builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape: of } }), [name, Float32Array.from(values)]];
  };
  const [[pixels, first], [weight, second], [bias, third]] = [
    state('x', x, shape),
    state('weight', [1, 1, 1], [3]),
    state('bias', [0, 0, 0], [3]),
  ];
  const mean = emit(builder, 'channel_mean', [pixels], {});
  const variance = emit(builder, 'channel_variance', [pixels, mean], {});
  const result = emit(builder, 'batch_norm', [pixels, mean, variance, weight, bias], { eps: EPS });
  const means = total((i) => x[i]!).sums.map((sum) => sum / rows);
  const variances = total((i, c) => (x[i]! - means[c]!) ** 2).sums.map((sum) => sum / rows);
  return {
    name: `batch_norm, batch ${batch}`,
    graph: builder.finish('eval_step', { result }),
    inputs: {},
    states: new Map([first, second, third]),
    exact: (i) => (x[i]! - means[i % 3]!) / Math.sqrt(variances[i % 3]! + EPS),
    // The mean is an f32: half a unit in its last place, over a deviation of nothing but eps, in the channel that is constant.
    allowed: (i) => [2e-3, 1e-5, 1e-5][i % 3]!,
  };
}

/** Statistics and gradients of layer_norm over long rows: one of a constant, one about 3. */
function longRows(): readonly SumCase[] {
  const channels = 20_000;
  const random = namedRandom('long rows', 1);
  const noise = Float64Array.from({ length: 2 * channels }, () => random.real(-1, 1));
  const x = Float32Array.from(noise, (value, i) => (i < channels ? 100.1 : 3 + value));
  const dy = Float32Array.from(noise, (_, i) => 0.1 + 0.5 * noise[(7 * i) % noise.length]!);
  const mean = (term: Fill) =>
    [0, 1].map((row) => {
      let sum = 0;
      for (let i = row * channels; i < (row + 1) * channels; i += 1) sum += term(i);
      return sum / channels;
    });
  const rowOf = (i: number) => Math.floor(i / channels);
  const means = mean((i) => x[i]!);
  const inverses = mean((i) => (x[i]! - means[rowOf(i)]!) ** 2).map((variance) => 1 / Math.sqrt(variance + EPS));
  const given = Float32Array.of(means[0]!, inverses[0]!, means[1]!, inverses[1]!);
  const z: Fill = (i) => (x[i]! - given[2 * rowOf(i)]!) * given[2 * rowOf(i) + 1]!;
  const shifts = mean((i) => dy[i]!);
  const slopes = mean((i) => dy[i]! * z(i));
  const rows: Shape = [2, channels];
  const statistics = [[2, 2], (i: number) => given[i]!] as const;
  return [
    caseOf(
      'layer_norm_statistics of long rows',
      'layer_norm_statistics',
      [[rows, (i) => x[i]!]],
      { eps: EPS },
      (i) => [means, inverses][i % 2]![Math.floor(i / 2)]!,
      (i) => 4 * U * given[i]!,
    ),
    caseOf(
      'layer_norm_input_grad of long rows',
      'layer_norm_input_grad',
      [[rows, (i) => dy[i]!], [rows, (i) => x[i]!], statistics, [[channels], () => 1]],
      {},
      (i) => given[2 * rowOf(i) + 1]! * (dy[i]! - shifts[rowOf(i)]! - z(i) * slopes[rowOf(i)]!),
      (i) => 8 * U * given[2 * rowOf(i) + 1]! * (Math.abs(dy[i]!) + Math.abs(shifts[rowOf(i)]!) + Math.abs(z(i) * slopes[rowOf(i)]!)),
    ),
  ];
}

/** How many of `size` neighbours of a tap fall inside, for a window of 3 with one zero on either side. */
const inside = (tap: number, size: number) => (tap === 1 ? size : size - 1);

function weightGradient(name: string, batch: number, side: number, channels: number, outputs: number): SumCase {
  const terms = (index: number) => {
    const tap = Math.floor(index / (channels * outputs));
    return batch * inside(Math.floor(tap / 3), side) * inside(tap % 3, side);
  };
  return caseOf(
    name,
    'conv2d_weight_grad',
    [
      [[batch, side, side, channels], tenths],
      [[batch, side, side, outputs], tenths],
    ],
    { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1] },
    (i) => terms(i) * TENTH ** 2,
    (i) => terms(i) * TENTH ** 2 * CONTRACTION,
  );
}

function product(name: string, op: OpName, shapes: readonly [Shape, Shape], terms: number, attrs: Attrs = {}): SumCase {
  return caseOf(
    name,
    op,
    [
      [shapes[0], tenths],
      [shapes[1], tenths],
    ],
    attrs,
    () => terms * TENTH ** 2,
    () => terms * TENTH ** 2 * CONTRACTION,
  );
}

function average(op: OpName, side: number, attrs: Attrs): SumCase {
  return caseOf(`${op} of ${side}x${side}`, op, [[[2, side, side, 20], tenths]], attrs, tenths, () => TENTH * POOL);
}

const VALID = { stride: [1, 1], padding: [0, 0, 0, 0] };

function cases(): readonly SumCase[] {
  const classes = 20_000;
  const random = namedRandom('logits', 1);
  const logits = Float32Array.from({ length: 2 * classes }, () => random.real(-1, 1));
  const sums = [0, 1].map((row) => logits.subarray(row * classes, (row + 1) * classes).reduce((sum, x) => sum + Math.exp(x), 0));
  const probability: Fill = (i) => Math.exp(logits[i]!) / sums[Math.floor(i / classes)]!;
  const big = 300_000;
  return [
    ...channelCases(16),
    ...channelCases(1000),
    normalized(16),
    normalized(1000),
    ...longRows(),
    weightGradient('conv2d_weight_grad of 3 channels', 400, 32, 3, 16),
    weightGradient('conv2d_weight_grad of 32 channels', 100, 32, 32, 32),
    weightGradient('conv2d_weight_grad of one large image', 1, 400, 2, 5),
    product(
      'linear_weight_grad',
      'linear_weight_grad',
      [
        [20_000, 6],
        [20_000, 33],
      ],
      20_000,
    ),
    product(
      'linear',
      'linear',
      [
        [6, 20_000],
        [20_000, 33],
      ],
      20_000,
    ),
    product(
      'linear_input_grad',
      'linear_input_grad',
      [
        [16, 2000],
        [64, 2000],
      ],
      2000,
    ),
    product(
      'conv2d',
      'conv2d',
      [
        [2, 3, 3, 1024],
        [3, 3, 1024, 33],
      ],
      9 * 1024,
      VALID,
    ),
    average('global_avg_pool', 224, {}),
    average('mean', 224, { axes: [1, 2], keep: false }),
    caseOf(
      'sum of long rows',
      'sum',
      [[[3, big], tenths]],
      { axes: [1], keep: false },
      () => big * TENTH,
      () => big * TENTH * 3 * U,
    ),
    average('avg_pool2d', 60, { window: [60, 60], ...VALID }),
    caseOf('softmax of a long row', 'softmax', [[[2, classes], (i) => logits[i]!]], {}, probability, (i) => 8 * U * probability(i)),
    caseOf(
      'global_norm',
      'global_norm',
      [[[big], tenths]],
      {},
      () => Math.sqrt(big) * TENTH,
      () => Math.sqrt(big) * TENTH * 2 * U,
    ),
  ];
}

describe('sums of many terms in f32', () => {
  const all = cases();
  let executable: Executable | undefined;
  before(async function () {
    this.timeout(600_000);
    executable = await createBackend()
      .load(batchPlan(all, 'cpu'))
      .catch((error: Error) => skip(this, error.message));
  });
  after(() => executable?.dispose());

  for (const [index, one] of all.entries()) {
    it(one.name, async function () {
      this.timeout(120_000);
      const result = await runCase(executable!, one, index);
      result.forEach((value, i) => {
        const error = Math.abs(value - one.exact(i));
        assert.ok(error <= one.allowed(i), `[${i}] is ${value}, off by ${error}; allowed ${one.allowed(i)}`);
      });
    });
  }
});
