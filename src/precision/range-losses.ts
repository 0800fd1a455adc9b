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

const crossEntropy: RangeRule = ({ operands, shape, node }) => {
  const range = surprise(operands[0]!, shape(0)[1]!);
  const weight = largestWeight(node);
  if (weight === undefined) return range;
  const weighed = withZero(scaleRange(range, weight));
  return widenFor(weighed, 4, magnitude(weighed));
};

/** A probability less its target, times dloss / rows. */
const crossEntropyGrad: RangeRule = ({ operands, shape, node }) => {
  const weight = largestWeight(node);
  const [logits, , dloss] = operands as [Range, Range, Range];
  const [rows, length] = shape(0) as [number, number];
  if (!isBounded(logits)) return ANY;
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  const difference = weight === undefined ? between(-(1 - smoothing) - smoothing / length, 1 - smoothing / length) : symmetric(weight);
  const product = scaleRange(mulRanges(withZero(difference), dloss), 1 / rows);
  return widenFor(product, length + 12, (2 * (weight ?? 1) * magnitude(dloss)) / rows);
};

const TARGET = between(0, 1);

const mseGrad: RangeRule = ({ operands, shape }) => {
  const [x, , dloss] = operands as [Range, Range, Range];
  const [rows, length] = shape(0) as [number, number];
  const product = scaleRange(mulRanges(subRanges(x, TARGET), dloss), 2 / (rows * length));
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
const distance = ({ operands }: RangeContext): number => magnitude(subRanges(operands[0]!, TARGET));

const huber: RangeRule = (context) => {
  const [most, delta] = [distance(context), numberAttr(context.node.attrs, 'delta')];
  return meanTo(most <= delta ? most ** 2 / 2 : delta * (most - delta / 2), 12, context);
};

const shareOf = ({ attrs }: Node): number => Math.max(numberAttr(attrs, 'alpha'), 1 - numberAttr(attrs, 'alpha'));

/** softplus(x) is at most x, or 0, and ln 2. */
const softplusBound = ({ operands }: RangeContext): number => magnitude(operands[0]!) + Math.LN2;

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
  binary_cross_entropy: (context) => meanTo(softplusBound(context), 24, context),
  binary_cross_entropy_grad: (context) => slopesTo(1, 16, context),
  focal: (context) => meanTo(shareOf(context.node) * softplusBound(context), 64, context),
  focal_grad: (context) => slopesTo(shareOf(context.node) * (1 + numberAttr(context.node.attrs, 'gamma') / Math.E), 64, context),
  correct_count: ({ shape }) => between(0, shape(0)[0]!),
} as const satisfies Partial<Record<OpName, RangeRule>>;
