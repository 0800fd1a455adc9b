import { numberAttr } from '../ir/types.js';
import { LIMITS } from '../numeric/formats.js';
import {
  ANY,
  addRanges,
  between,
  F32_ROUNDING,
  isBounded,
  magnitude,
  meanRange,
  mulRanges,
  type Range,
  scaleRange,
  subRanges,
  sumRange,
  symmetric,
  union,
  widenFor,
} from './range.js';
import { type RangeContext, type RangeRule, rowsOf } from './range-rule.js';

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

/** Statistics of the channels, and what is normalized by them. */
export const BATCH_NORM_RULES = {
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
