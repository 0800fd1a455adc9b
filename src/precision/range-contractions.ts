import { type ContractionGeometry, mostTerms } from '../ops/contraction-geometry.js';
import { contractionGeometry } from '../ops/index.js';
import { ANY, addRanges, between, isBounded, magnitude, mulRanges, type Range, scaleRange, sumRange, widenFor, withZero } from './range.js';
import type { RangeContext, RangeRule } from './range-rule.js';

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

/** Ops that add up products. */
export const CONTRACTION_RULES = {
  conv2d: contraction,
  conv2d_input_grad: gradientSum,
  conv2d_weight_grad: gradientSum,
  conv_transpose2d: transposedConvolution,
  linear: contraction,
  linear_input_grad: linearInputGrad,
  linear_weight_grad: gradientSum,
  matmul: (context) => sumRange(mulRanges(context.operands[0]!, context.operands[1]!), mostTerms(geometryOf(context))),
} as const satisfies Readonly<Record<string, RangeRule>>;
