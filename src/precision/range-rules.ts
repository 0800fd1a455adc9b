import { numberAttr, numbersAttr } from '../ir/types.js';
import type { OpName } from '../ops/index.js';
import {
  ANY,
  addRanges,
  between,
  divRanges,
  isBounded,
  magnitude,
  mulRanges,
  type Range,
  scaleRange,
  subRanges,
  symmetric,
  union,
  widenFor,
  withZero,
} from './range.js';
import { BATCH_NORM_RULES } from './range-batch-norm.js';
import { CONTRACTION_RULES } from './range-contractions.js';
import { CURVE_RULES } from './range-curves.js';
import { LAYER_NORM_RULES } from './range-layer-norm.js';
import { LOSS_RULES, surprise } from './range-losses.js';
import { gate, type RangeRule, unary } from './range-rule.js';
import { SUM_RULES } from './range-sums.js';
import { UPDATE_RULES } from './range-update.js';

const quotient: RangeRule = ({ operands }) => divRanges(operands[0]!, operands[1]!);

/** One of two, NaN where either is. */
function choice(which: (a: number, b: number) => number): RangeRule {
  return ({ operands: [a, b] }) => ({ low: which(a!.low, b!.low), high: which(a!.high, b!.high), nan: a!.nan || b!.nan });
}

const dropout: RangeRule = ({ operands, node }) => {
  const factor = Math.fround(1 / (1 - numberAttr(node.attrs, 'rate')));
  const kept = scaleRange(operands[0]!, factor);
  return withZero(widenFor(kept, 1, magnitude(kept)));
};

/** The first operand, or it times the slope, which is the last one. */
const sloped: RangeRule = ({ operands }) => union(operands[0]!, mulRanges(operands[0]!, operands.at(-1)!));

const prelu: RangeRule = ({ operands: [x, slope] }) => {
  const below = between(Math.min(x!.low, 0), 0);
  return x!.nan ? ANY : union(between(0, Math.max(x!.high, 0)), mulRanges(below, slope!));
};

const shift: RangeRule = ({ operands, node }) => {
  const offset = Math.fround(numberAttr(node.attrs, 'offset'));
  return addRanges(operands[0]!, between(offset, offset));
};

const scale: RangeRule = ({ operands, node }) => scaleRange(operands[0]!, Math.fround(numberAttr(node.attrs, 'factor')));

const normalize: RangeRule = ({ operands, node }) => {
  const image = operands[0]!;
  const means = numbersAttr(node.attrs, 'mean');
  const channels = numbersAttr(node.attrs, 'std').map((std, c) => {
    const scaled = scaleRange(image, Math.fround(1 / (255 * std)));
    const offset = Math.fround(means[c]! / std);
    return widenFor(subRanges(scaled, between(offset, offset)), 3, magnitude(scaled) + Math.abs(offset));
  });
  return union(...channels);
};

const softmax: RangeRule = ({ operands }) => (isBounded(operands[0]!) ? between(0, 1 + 2 ** -20) : ANY);

const logSoftmax: RangeRule = ({ operands, shape }) => mulRanges(surprise(operands[0]!, shape(0).at(-1)!), between(-1, -1));

/** y * (dy - sum of dy * y): of softmax's own result the y are no less than 0 and add up to 1, but for roundings. */
const softmaxGrad: RangeRule = (context) => {
  const [dy, y] = context.operands as [Range, Range];
  const length = context.shape(0).at(-1)!;
  const total = context.root(1).op === 'softmax' ? Math.min(length, 1 + 2 ** -6 + length * 2 ** -20) : length * magnitude(y);
  const bound = magnitude(y) * magnitude(dy) * (1 + total);
  return isBounded(dy) && isBounded(y) ? widenFor(symmetric(bound), length + 4, bound) : ANY;
};

const logSoftmaxGrad: RangeRule = ({ operands, shape }) => {
  const [dy, y] = operands as [Range, Range];
  const length = shape(0).at(-1)!;
  if (!isBounded(dy) || !isBounded(y)) return ANY;
  const bound = magnitude(dy) * (1 + Math.exp(y.high) * length);
  return widenFor(symmetric(bound), length + 8, bound);
};

/** One rule per op: what its result can be before it is rounded to its format, given what its operands can be. */
export const RANGE_RULES = {
  // Inputs and states are bounded by the assumptions of an analysis.
  input: () => ANY,
  state: () => ANY,
  constant: ({ node }) => between(numberAttr(node.attrs, 'value'), numberAttr(node.attrs, 'value')),
  normalize,

  ...CONTRACTION_RULES,
  ...BATCH_NORM_RULES,
  ...SUM_RULES,
  ...LAYER_NORM_RULES,

  ...CURVE_RULES,
  prelu,
  prelu_grad: sloped,
  prelu_slope_grad: ({ operands }) => withZero(mulRanges(operands[0]!, operands[1]!)),

  add: ({ operands }) => addRanges(operands[0]!, operands[1]!),
  sub: ({ operands }) => subRanges(operands[0]!, operands[1]!),
  mul: ({ operands }) => mulRanges(operands[0]!, operands[1]!),
  div: quotient,
  div_dividend_grad: quotient,
  div_divisor_grad: ({ operands }) => {
    const [dy, y, b] = operands as [Range, Range, Range];
    const product = mulRanges(dy, y);
    return divRanges(scaleRange(widenFor(product, 1, magnitude(product)), -1), b);
  },
  maximum: choice(Math.max),
  maximum_grad: gate,
  minimum: choice(Math.min),
  minimum_grad: gate,
  scale,
  scale_by: ({ operands }) => mulRanges(operands[0]!, operands[1]!),
  shift,
  cast: unary((x) => x),
  dropout,
  reshape: unary((x) => x),
  concat: ({ operands }) => union(...operands),
  slice: unary((x) => x),
  transpose: unary((x) => x),
  broadcast: unary((x) => x),
  roll: unary((x) => x),
  pad: ({ operands, node }) => (node.attrs.mode === 'zero' ? withZero(operands[0]!) : operands[0]!),
  upsample_nearest: unary((x) => x),

  softmax,
  softmax_grad: softmaxGrad,
  log_softmax: logSoftmax,
  log_softmax_grad: logSoftmaxGrad,
  ...LOSS_RULES,

  ...UPDATE_RULES,
} as const satisfies Readonly<Record<OpName, RangeRule>>;
