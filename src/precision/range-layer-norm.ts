import { numberAttr } from '../ir/types.js';
import { LIMITS } from '../numeric/formats.js';
import {
  ANY,
  addRanges,
  between,
  F32_ROUNDING,
  isBounded,
  magnitude,
  mulRanges,
  type Range,
  subRanges,
  sumRange,
  symmetric,
  union,
  widenFor,
} from './range.js';
import type { RangeContext, RangeRule } from './range-rule.js';

/** The most that 1 / sqrt(variance + eps) can be. */
function largestInverse(eps: number): number {
  return eps < LIMITS.f32.smallestNormal ? Infinity : (1 / Math.sqrt(eps)) * (1 + 8 * F32_ROUNDING);
}

/** Means of `count` elements, and inverse deviations. */
const statistics: RangeRule = ({ operands, shape, node }) => {
  const x = operands[0]!;
  const count = shape(0).at(-1)!;
  const inverse = largestInverse(numberAttr(node.attrs, 'eps'));
  // Differences from the mean must not overflow: of infinities there is no variance.
  if (!isBounded(x) || !Number.isFinite(inverse) || 2 * magnitude(x) > LIMITS.f32.largest) return ANY;
  const mean = node.attrs.center === false ? between(0, 0) : widenFor(x, count + 1, magnitude(x));
  return union(mean, between(0, inverse));
};

/**
 * |x - mean| * inverse. By its own statistics no element is further than sqrt(C) deviations, C elements in a row: the squared differences
 * from whatever mean add up to C times the variance.
 */
function normalizedBound(context: RangeContext, at: { x: number; statistics: number }): number {
  const [x, given] = [context.operands[at.x]!, context.operands[at.statistics]!];
  if (!isBounded(x) || !isBounded(given)) return Infinity;
  const general = magnitude(subRanges(x, given)) * magnitude(given);
  const { op, inputs, attrs } = context.root(at.statistics);
  if (op !== 'layer_norm_statistics' || inputs[0] !== context.root(at.x).id) return general * (1 + 8 * F32_ROUNDING);
  const count = context.shape(at.x).at(-1)!;
  const own = Math.sqrt(count * Math.exp((count + 8) * F32_ROUNDING)) * (1 + 8 * F32_ROUNDING);
  // The mean is off by its rounding.
  return Math.min(general * (1 + 8 * F32_ROUNDING), own + 8 * F32_ROUNDING * magnitude(x) * largestInverse(numberAttr(attrs, 'eps')));
}

const layerNorm: RangeRule = (context) => {
  const [, , weight, bias] = context.operands as [Range, Range, Range, Range];
  const scaled = mulRanges(symmetric(normalizedBound(context, { x: 0, statistics: 1 })), weight);
  return widenFor(addRanges(scaled, bias), 6, magnitude(scaled) + magnitude(bias));
};

const weightGrad: RangeRule = (context) => {
  const { shape, operands } = context;
  const rows = shape(0).reduce((product, size) => product * size, 1) / shape(0).at(-1)!;
  const z = normalizedBound(context, { x: 0, statistics: 2 });
  return isBounded(operands[1]!) ? sumRange(symmetric(z * magnitude(operands[1]!)), rows) : ANY;
};

const inputGrad: RangeRule = (context) => {
  const [dy, , given, weight] = context.operands as [Range, Range, Range, Range];
  const z = normalizedBound(context, { x: 1, statistics: 2 });
  const g = magnitude(dy) * magnitude(weight);
  const bound = magnitude(given) * g * (2 + z * z);
  return Number.isFinite(bound) ? widenFor(symmetric(bound), context.shape(1).at(-1)! + 16, bound) : ANY;
};

export const LAYER_NORM_RULES = {
  layer_norm_statistics: statistics,
  layer_norm: layerNorm,
  layer_norm_weight_grad: weightGrad,
  layer_norm_input_grad: inputGrad,
} as const satisfies Readonly<Record<string, RangeRule>>;
