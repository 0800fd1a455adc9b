import { elementCount, numberAttr, numbersAttr } from '../ir/types.js';
import { LIMITS } from '../numeric/formats.js';
import { type ContractionGeometry, mostTerms } from '../ops/contraction-geometry.js';
import { axisTaps, contractionGeometry } from '../ops/index.js';
import { axesSizes } from '../ops/reductions.js';
import { mostTaps } from '../ops/taps.js';
import {
  ANY,
  addRanges,
  between,
  F32_ROUNDING,
  isBounded,
  magnitude,
  mulRanges,
  type Range,
  scaleRange,
  subRanges,
  sumRange,
  symmetric,
  union,
  widenFor,
  withZero,
} from './range.js';
import type { RangeContext, RangeRule } from './range-rule.js';

/** Rows of a value whose last axis holds the channels. */
function rowsOf(shape: readonly number[]): number {
  return elementCount(shape) / Math.max(1, shape.at(-1) ?? 1);
}

function isPadded({ node }: RangeContext): boolean {
  return numbersAttr(node.attrs, 'padding').some((size) => size > 0);
}

/** How many windows of a size can hold one position. */
function windowsAt({ node }: RangeContext, window: readonly number[]): number {
  const stride = numbersAttr(node.attrs, 'stride');
  return window.reduce((count, size, axis) => count * Math.ceil(size / stride[axis]!), 1);
}

/**
 * Sums of x times known weights, one per output channel: positive weights reach the high end with the high x, negative ones with the low x.
 * The last axis of the weights is the output channel.
 */
function weightedSums(x: Range, weights: ArrayLike<number>, channels: number): { range: Range; largest: number } {
  const positive = new Float64Array(channels);
  const negative = new Float64Array(channels);
  for (let i = 0; i < weights.length; i += 1) {
    const weight = weights[i]!;
    if (!Number.isFinite(weight)) return { range: ANY, largest: Infinity };
    if (weight > 0) positive[i % channels]! += weight;
    else negative[i % channels]! += weight;
  }
  let [low, high, largest] = [0, 0, 0];
  for (let c = 0; c < channels; c += 1) {
    const lowest = positive[c]! * x.low + negative[c]! * x.high;
    const highest = positive[c]! * x.high + negative[c]! * x.low;
    if (c === 0 || lowest < low) low = lowest;
    if (c === 0 || highest > high) high = highest;
    largest = Math.max(largest, (positive[c]! - negative[c]!) * magnitude(x));
  }
  return { range: between(low, high), largest };
}

function geometryOf({ node, graph }: RangeContext): ContractionGeometry {
  return contractionGeometry(
    node,
    node.inputs.map((id) => graph.nodes[id]!.type),
  );
}

/** A contraction of the first operand with a weight, then the bias. */
const contraction: RangeRule = (context) => {
  const geometry = geometryOf(context);
  const terms = mostTerms(geometry);
  const [given, weight, bias = between(0, 0)] = context.operands as [Range, Range, Range?];
  const x = geometry.padding.some((size) => size > 0) ? withZero(given) : given;
  if (![x, weight, bias].every(isBounded)) return ANY;
  const elements = geometry.batch.length === 0 ? context.known(1) : undefined;
  const channels = context.shape(1).at(-1)!;
  const product = mulRanges(x, weight);
  const sums =
    elements === undefined
      ? { range: scaleRange(product, terms), largest: terms * magnitude(product) }
      : weightedSums(x, elements, channels);
  return widenFor(addRanges(sums.range, bias), terms + 2, sums.largest + magnitude(bias));
};

/** A gradient of a contraction: a sum of products of its operands. */
const gradientSum: RangeRule = (context) => {
  const [a, b] = context.operands as [Range, Range];
  return sumRange(withZero(mulRanges(a, b)), mostTerms(geometryOf(context)));
};

/** A sum of that many products at most, then the bias: how many meet a pixel differs. */
const transposedConvolution: RangeRule = (context) => {
  const bias = context.operands[2] ?? between(0, 0);
  const sum = gradientSum(context);
  return isBounded(sum) && isBounded(bias) ? widenFor(addRanges(sum, bias), 1, magnitude(sum) + magnitude(bias)) : ANY;
};

/** Known weights of a linear layer bound each of its input's gradients by the sums over its row. */
const linearInputGrad: RangeRule = (context) => {
  const [dy] = context.operands as [Range];
  const { batch, groups, inputs, outputs } = geometryOf(context);
  const weights = groups === 1 && batch.length === 0 ? context.known(1) : undefined;
  if (weights === undefined || !isBounded(dy)) return gradientSum(context);
  // Transposed: what is summed over is the last axis, and each row has a result.
  const rows = Float64Array.from({ length: weights.length }, (_, i) => weights[(i % inputs) * outputs + Math.floor(i / inputs)]!);
  const { range, largest } = weightedSums(dy, rows, inputs);
  return widenFor(range, outputs, largest);
};

function meanRange(x: Range, count: number): Range {
  return widenFor(x, count + 1, magnitude(x));
}

/** Whether mean and variance are those of x itself. */
function areStatisticsOf(context: RangeContext, x: number, mean: number, variance: number): boolean {
  const value = context.root(x);
  const [m, v] = [context.root(mean), context.root(variance)];
  if (m.op !== 'channel_mean' || v.op !== 'channel_variance' || v.inputs[1] !== m.id) return false;
  return m.inputs[0] === value.id && v.inputs[0] === value.id;
}

/**
 * |x - mean| / sqrt(variance + eps). Of its own statistics no value is further than sqrt(M) deviations, M elements in a channel: the
 * squared differences from whatever mean add up to M times the variance.
 */
function normalizedBound(context: RangeContext, at: { x: number; mean: number; variance: number }): number {
  const { operands, node } = context;
  const [x, mean, variance] = [operands[at.x]!, operands[at.mean]!, operands[at.variance]!];
  const eps = numberAttr(node.attrs, 'eps');
  if (![x, mean, variance].every(isBounded) || variance.low < 0 || variance.low + eps < LIMITS.f32.smallestNormal) return Infinity;
  const general = magnitude(subRanges(x, mean)) / Math.sqrt(variance.low + eps);
  const count = rowsOf(context.shape(at.x));
  const own = areStatisticsOf(context, at.x, at.mean, at.variance) ? Math.sqrt(count * Math.exp((count + 8) * F32_ROUNDING)) : Infinity;
  // A kernel may fold the mean into the shift: its rounding is relative to the mean, not to the difference.
  return Math.min(general, own) * (1 + 8 * F32_ROUNDING) + (8 * F32_ROUNDING * magnitude(mean)) / Math.sqrt(variance.low + eps);
}

const batchNorm: RangeRule = (context) => {
  const [, , , weight, bias] = context.operands as [Range, Range, Range, Range, Range];
  const z = symmetric(normalizedBound(context, { x: 0, mean: 1, variance: 2 }));
  const scaled = mulRanges(z, weight);
  return widenFor(addRanges(scaled, bias), 6, magnitude(scaled) + magnitude(bias));
};

/** Over a channel the magnitudes of the normalized x add up to M at most, as their squares do. */
const batchNormWeightGrad: RangeRule = (context) => {
  const dy = context.operands[1]!;
  const z = normalizedBound(context, { x: 0, mean: 2, variance: 3 });
  const count = rowsOf(context.shape(0));
  const meanZ = areStatisticsOf(context, 0, 2, 3) ? Math.min(z, 1 + z * (count + 8) * F32_ROUNDING) : z;
  return isBounded(dy) ? sumRange(symmetric(meanZ * magnitude(dy)), count) : ANY;
};

const batchNormInputGrad: RangeRule = (context) => {
  const [dy, , , variance, weight, dweight, dbias] = context.operands as [Range, Range, Range, Range, Range, Range, Range];
  if (![dy, variance, weight, dweight, dbias].every(isBounded)) return ANY;
  const z = normalizedBound(context, { x: 1, mean: 2, variance: 3 });
  const count = rowsOf(context.shape(0));
  const inverse = 1 / Math.sqrt(variance.low + numberAttr(context.node.attrs, 'eps'));
  const inner = magnitude(dy) + magnitude(dbias) / count + (z * magnitude(dweight)) / count;
  const bound = magnitude(weight) * inverse * inner;
  return widenFor(symmetric(bound), 12, bound);
};

const channelVariance: RangeRule = (context) => {
  const [x, mean] = context.operands as [Range, Range];
  const difference = magnitude(subRanges(x, mean));
  const mid = context.root(1);
  const isOwn = mid.op === 'channel_mean' && mid.inputs[0] === context.root(0).id;
  const count = rowsOf(context.shape(0));
  // About its own mean no variance exceeds a quarter of the squared span; the mean itself may be off by its rounding.
  const offset = Math.expm1((count + 2) * F32_ROUNDING) * magnitude(x);
  const bound = isOwn && isBounded(x) ? Math.min(difference ** 2, ((x.high - x.low) / 2) ** 2 + offset ** 2) : difference ** 2;
  return Number.isFinite(bound) ? { ...widenFor(between(0, bound), count + 3, bound), low: 0 } : ANY;
};

/** Padding never wins. */
const maxPool: RangeRule = ({ operands }) => operands[0]!;

const maxPoolIndex: RangeRule = ({ node }) => {
  const [rows, columns] = numbersAttr(node.attrs, 'window') as [number, number];
  return between(0, rows * columns - 1);
};

const maxPoolGrad: RangeRule = (context) => {
  const count = windowsAt(context, numbersAttr(context.node.attrs, 'window'));
  const dy = withZero(context.operands[0]!);
  return count === 1 ? dy : sumRange(dy, count);
};

const avgPool: RangeRule = (context) => {
  const x = context.operands[0]!;
  const [rows, columns] = numbersAttr(context.node.attrs, 'window') as [number, number];
  return meanRange(isPadded(context) ? withZero(x) : x, rows * columns);
};

const avgPoolGrad: RangeRule = (context) => {
  const window = numbersAttr(context.node.attrs, 'window') as [number, number];
  const sum = sumRange(withZero(context.operands[0]!), windowsAt(context, window));
  const mean = scaleRange(sum, 1 / (window[0] * window[1]));
  return widenFor(mean, 2, magnitude(mean));
};

const globalAvgPoolGrad: RangeRule = ({ operands, node }) => {
  const [height, width] = numbersAttr(node.attrs, 'size') as [number, number];
  const mean = scaleRange(operands[0]!, 1 / (height * width));
  return widenFor(mean, 2, magnitude(mean));
};

/** Weighted sums along rows and columns, by weights that are not negative. */
const taps: RangeRule = ({ operands, node, graph }) => {
  const [rows, columns] = axisTaps(node, [graph.nodes[node.inputs[0]!]!.type])!;
  const [down, across] = [mostTaps(rows), mostTaps(columns)];
  const sum = withZero(scaleRange(operands[0]!, down.weight * across.weight));
  return widenFor(sum, down.count * across.count + 4, magnitude(sum));
};

/** Ops that add up products or elements. */
export const SUM_RULES = {
  conv2d: contraction,
  conv2d_input_grad: gradientSum,
  conv2d_weight_grad: gradientSum,
  conv_transpose2d: transposedConvolution,
  linear: contraction,
  linear_input_grad: linearInputGrad,
  linear_weight_grad: gradientSum,
  matmul: (context) => sumRange(mulRanges(context.operands[0]!, context.operands[1]!), mostTerms(geometryOf(context))),
  sum_to_channel: ({ operands, shape }) => sumRange(operands[0]!, rowsOf(shape(0))),
  max_pool2d: maxPool,
  max_pool2d_index: maxPoolIndex,
  max_pool2d_grad: maxPoolGrad,
  pad_grad: taps,
  upsample_nearest_grad: taps,
  upsample_bilinear: taps,
  upsample_bilinear_grad: taps,
  avg_pool2d: avgPool,
  avg_pool2d_grad: avgPoolGrad,
  global_avg_pool: ({ operands, shape }) => meanRange(operands[0]!, shape(0)[1]! * shape(0)[2]!),
  global_avg_pool_grad: globalAvgPoolGrad,
  sum: ({ operands, node, shape }) => sumRange(operands[0]!, axesSizes(shape(0), numbersAttr(node.attrs, 'axes')).length),
  mean: ({ operands, node, shape }) => meanRange(operands[0]!, axesSizes(shape(0), numbersAttr(node.attrs, 'axes')).length),
  mean_grad: ({ operands, node }) => {
    const shared = scaleRange(operands[0]!, 1 / axesSizes(numbersAttr(node.attrs, 'shape'), numbersAttr(node.attrs, 'axes')).length);
    return widenFor(shared, 2, magnitude(shared));
  },
  max: ({ operands }) => operands[0]!,
  max_ties: ({ node, shape }) => between(0, axesSizes(shape(0), numbersAttr(node.attrs, 'axes')).length),
  // Where x is the largest, it is one of those counted.
  max_grad: ({ operands }) => (operands[3]!.low >= 1 ? withZero(operands[0]!) : ANY),
  channel_mean: ({ operands, shape }) => meanRange(operands[0]!, rowsOf(shape(0))),
  channel_variance: channelVariance,
  batch_norm: batchNorm,
  batch_norm_weight_grad: batchNormWeightGrad,
  batch_norm_input_grad: batchNormInputGrad,
  running_update: ({ operands, node }) => {
    const [running, batch] = operands as [Range, Range];
    const momentum = numberAttr(node.attrs, 'momentum');
    const moved = addRanges(scaleRange(running, 1 - momentum), scaleRange(batch, momentum * numberAttr(node.attrs, 'correction')));
    return union(running, widenFor(moved, 4, 2 * magnitude(running) + 2 * magnitude(batch) + magnitude(moved)));
  },
} as const satisfies Readonly<Record<string, RangeRule>>;
