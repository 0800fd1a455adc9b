import type { OpName } from '../ir/op-names.js';
import { type Node, numberAttr, numbersAttr } from '../ir/types.js';
import {
  ANY,
  between,
  isBounded,
  magnitude,
  mulRanges,
  type Range,
  scaleRange,
  subRanges,
  symmetric,
  widenFor,
  withZero,
} from './range.js';
import type { RangeContext, RangeRule } from './range-rule.js';

/** The largest and the smallest logit are at most this far apart. */
function span(x: Range): number {
  return x.high - x.low;
}

/** Minus the logarithm of a probability: 0 when one logit is infinitely above the others, span + log n when it is the least of all. */
export function surprise(x: Range, length: number): Range {
  if (!isBounded(x)) return ANY;
  const most = span(x) + Math.log(length);
  return widenFor(between(0, most), 8 + length, magnitude(x) + most);
}

/** Of the classes of a loss that weighs them. */
function largestWeight({ attrs }: Node): number | undefined {
  return attrs.weights === undefined ? undefined : Math.max(...numbersAttr(attrs, 'weights'));
}

const labelWeight: RangeRule = ({ node, shape }) => {
  const most = largestWeight(node) ?? 1;
  return widenFor(between(0, most), shape(0)[0]! + 2, most);
};

/** What the targets of a row add up to in magnitude at most, of which a share is spread over the classes, times the weights of these. */
function totalOfTargets(target: Range, length: number, node: Node): number {
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  return (largestWeight(node) ?? 1) * ((1 - smoothing) * magnitude(target) * length + smoothing);
}

const crossEntropy: RangeRule = ({ operands, shape, node }) => {
  const length = shape(0)[1]!;
  const range = surprise(operands[0]!, length);
  const target = operands[2];
  if (target !== undefined) {
    if (!isBounded(range) || !isBounded(target)) return ANY;
    const most = totalOfTargets(target, length, node) * magnitude(range);
    return widenFor(target.low < 0 ? symmetric(most) : between(0, most), 16 + 2 * length, most);
  }
  const weight = largestWeight(node);
  if (weight === undefined) return range;
  const weighed = withZero(scaleRange(range, weight));
  return widenFor(weighed, 4, magnitude(weighed));
};

/** A probability less its target, times dloss / rows. */
const crossEntropyGrad: RangeRule = ({ operands, shape, node }) => {
  const weight = largestWeight(node);
  const [logits, , dloss, target] = operands as [Range, Range, Range, Range?];
  const [rows, length] = shape(0) as [number, number];
  if (!isBounded(logits)) return ANY;
  if (target !== undefined) {
    if (!isBounded(target)) return ANY;
    const most = 2 * totalOfTargets(target, length, node);
    const product = scaleRange(mulRanges(symmetric(most), dloss), 1 / rows);
    return widenFor(product, 2 * length + 12, magnitude(product));
  }
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  const difference = weight === undefined ? between(-(1 - smoothing) - smoothing / length, 1 - smoothing / length) : symmetric(weight);
  const product = scaleRange(mulRanges(withZero(difference), dloss), 1 / rows);
  return widenFor(product, length + 12, (2 * (weight ?? 1) * magnitude(dloss)) / rows);
};

/** What an element is to be, where no targets are given. */
const ONE_HOT = between(0, 1);

const mseGrad: RangeRule = ({ operands, shape }) => {
  const [x, , dloss, target] = operands as [Range, Range, Range, Range?];
  const [rows, length] = shape(0) as [number, number];
  const product = scaleRange(mulRanges(subRanges(x, target ?? ONE_HOT), dloss), 2 / (rows * length));
  return withZero(widenFor(product, 4, magnitude(product)));
};

/** Of a mean over rows and classes of what is between 0 and `bound`, found in `steps` roundings. */
function meanTo(bound: number, steps: number, { shape }: RangeContext): Range {
  const [rows, length] = shape(0) as [number, number];
  return Number.isFinite(bound) ? widenFor(between(0, bound), rows * length + steps, bound) : ANY;
}

/** Of slopes of at most `most`, times dloss / (rows * classes). */
function slopesTo(most: number, steps: number, { operands, shape }: RangeContext): Range {
  const [x, , dloss] = operands as [Range, Range, Range];
  const [rows, length] = shape(0) as [number, number];
  if (!isBounded(x)) return ANY;
  const product = scaleRange(mulRanges(between(-most, most), dloss), 1 / (rows * length));
  return widenFor(product, steps, magnitude(product));
}

/** How far an element is from its target at most. */
const distance = ({ operands }: RangeContext): number => magnitude(subRanges(operands[0]!, operands[2] ?? ONE_HOT));

const huber: RangeRule = (context) => {
  const [most, delta] = [distance(context), numberAttr(context.node.attrs, 'delta')];
  return meanTo(most <= delta ? most ** 2 / 2 : delta * (most - delta / 2), 12, context);
};

const shareOf = ({ attrs }: Node): number => Math.max(numberAttr(attrs, 'alpha'), 1 - numberAttr(attrs, 'alpha'));

/** softplus(x) is at most x, or 0, and ln 2. */
const softplusBound = ({ operands }: RangeContext): number => magnitude(operands[0]!) + Math.LN2;

/** A target beyond 0 to 1 counts the other side with a negative share. */
const binaryCrossEntropy: RangeRule = (context) => {
  const target = context.operands[2];
  const bound = softplusBound(context);
  if (target === undefined || (target.low >= 0 && target.high <= 1)) return meanTo(bound, 24, context);
  const most = bound * (1 + 2 * magnitude(target));
  if (!Number.isFinite(most)) return ANY;
  const [rows, length] = context.shape(0) as [number, number];
  return widenFor(symmetric(most), rows * length + 24, most);
};

/** A sigmoid is at most this far from its target. */
const binarySlope = ({ operands }: RangeContext): number => magnitude(subRanges(ONE_HOT, operands[3] ?? ONE_HOT));

/** Of losses; the slope of `focal` is at most 1 and gamma times the largest of -p ln p. */
export const LOSS_RULES = {
  cross_entropy: crossEntropy,
  cross_entropy_grad: crossEntropyGrad,
  label_weight: labelWeight,
  mse: (context) => meanTo(distance(context) ** 2, 4, context),
  mse_grad: mseGrad,
  l1: (context) => meanTo(distance(context), 4, context),
  l1_grad: (context) => slopesTo(1, 4, context),
  huber,
  huber_grad: (context) => slopesTo(Math.fround(numberAttr(context.node.attrs, 'delta')), 4, context),
  binary_cross_entropy: binaryCrossEntropy,
  binary_cross_entropy_grad: (context) => slopesTo(binarySlope(context), 16, context),
  focal: (context) => meanTo(shareOf(context.node) * softplusBound(context), 64, context),
  focal_grad: (context) => slopesTo(shareOf(context.node) * (1 + numberAttr(context.node.attrs, 'gamma') / Math.E), 64, context),
  correct_count: ({ shape }) => between(0, shape(0)[0]!),
} as const satisfies Partial<Record<OpName, RangeRule>>;
