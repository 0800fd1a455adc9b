import { numberAttr, numbersAttr } from '../ir/types.js';
import type { OpName } from '../ops/index.js';
import {
  ANY,
  addRanges,
  between,
  isBounded,
  magnitude,
  mulRanges,
  type Range,
  scaleRange,
  subRanges,
  symmetric,
  union,
  widen,
  widenFor,
  withZero,
} from './range.js';
import { LAYER_NORM_RULES } from './range-layer-norm.js';
import type { RangeRule } from './range-rule.js';
import { SUM_RULES } from './range-sums.js';
import { UPDATE_RULES } from './range-update.js';

/** A rule of one operand. */
function unary(bound: (x: Range) => Range): RangeRule {
  return ({ operands }) => bound(operands[0]!);
}

/** An increasing function that also takes infinities, within `count` roundings. */
function monotonic(f: (x: number) => number, count: number): RangeRule {
  return unary((x) => {
    const [low, high] = [f(x.low), f(x.high)];
    return { ...widenFor(between(low, high), count, Math.max(Math.abs(low), Math.abs(high))), nan: x.nan };
  });
}

/** relu and the like: exact, increasing. */
function clamp(f: (x: number) => number): RangeRule {
  return unary((x) => ({ low: f(x.low), high: f(x.high), nan: x.nan }));
}

/** x times a distribution function: below the line y = x, and never far below 0. */
function gated(minimum: number): RangeRule {
  return unary((x) => {
    const low = x.low >= 0 ? 0 : Math.max(minimum, x.low);
    const bound: Range = { low, high: Math.max(0, x.high), nan: x.nan || !isBounded(x) };
    return isBounded(x) ? widen(bound, magnitude(x) * 2 ** -20) : { ...bound, low: -Infinity };
  });
}

/** dy times a slope within known bounds. */
function sloped(low: number, high: number): RangeRule {
  return ({ operands }) => {
    const [dy, x] = operands as [Range, Range];
    if (!isBounded(x)) return ANY;
    const product = mulRanges(dy, between(low, high));
    return widenFor(product, 16, magnitude(product) + magnitude(dy));
  };
}

/** dy or 0, whatever the other operand. */
const gate: RangeRule = unary(withZero);

const leaky = (slope: number): RangeRule =>
  unary((x) => {
    const kept = mulRanges(x, between(Math.min(slope, 1), Math.max(slope, 1)));
    return isBounded(x) ? withZero(kept) : ANY;
  });

const leakyRelu: RangeRule = (context) => {
  const slope = Math.fround(numberAttr(context.node.attrs, 'slope'));
  return leaky(slope)(context);
};

const sigmoidGrad: RangeRule = ({ operands }) => {
  const [dy, y] = operands as [Range, Range];
  if (!isBounded(y)) return ANY;
  const ends = [y.low * (1 - y.low), y.high * (1 - y.high)];
  const product = mulRanges(dy, between(Math.min(...ends), y.low <= 0.5 && y.high >= 0.5 ? 0.25 : Math.max(...ends)));
  return widenFor(product, 4, magnitude(dy) * magnitude(y) * (1 + magnitude(y)));
};

const tanhGrad: RangeRule = ({ operands }) => {
  const [dy, y] = operands as [Range, Range];
  if (!isBounded(y)) return ANY;
  const most = magnitude(y) ** 2;
  const least = y.low <= 0 && y.high >= 0 ? 0 : Math.min(Math.abs(y.low), Math.abs(y.high)) ** 2;
  const product = mulRanges(dy, between(1 - most, 1 - least));
  return widenFor(product, 4, magnitude(dy) * (1 + most));
};

const dropout: RangeRule = ({ operands, node }) => {
  const factor = Math.fround(1 / (1 - numberAttr(node.attrs, 'rate')));
  const kept = scaleRange(operands[0]!, factor);
  return withZero(widenFor(kept, 1, magnitude(kept)));
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

/** The largest and the smallest logit are at most this far apart. */
function span(x: Range): number {
  return x.high - x.low;
}

/** Minus the logarithm of a probability: 0 when one logit is infinitely above the others, span + log n when it is the least of all. */
function surprise(x: Range, length: number): Range {
  if (!isBounded(x)) return ANY;
  const most = span(x) + Math.log(length);
  return widenFor(between(0, most), 8 + length, magnitude(x) + most);
}

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

/** A probability less its target, times dloss / rows. */
const crossEntropyGrad: RangeRule = ({ operands, shape, node }) => {
  const [logits, , dloss] = operands as [Range, Range, Range];
  const [rows, length] = shape(0) as [number, number];
  if (!isBounded(logits)) return ANY;
  const smoothing = numberAttr(node.attrs, 'label_smoothing');
  const difference = between(-(1 - smoothing) - smoothing / length, 1 - smoothing / length);
  const product = scaleRange(mulRanges(withZero(difference), dloss), 1 / rows);
  return widenFor(product, length + 12, (2 * magnitude(dloss)) / rows);
};

const TARGET = between(0, 1);

const mse: RangeRule = ({ operands, shape }) => {
  const bound = magnitude(subRanges(operands[0]!, TARGET)) ** 2;
  const [rows, length] = shape(0) as [number, number];
  return Number.isFinite(bound) ? widenFor(between(0, bound), rows * length + 4, bound) : ANY;
};

const mseGrad: RangeRule = ({ operands, shape }) => {
  const [x, , dloss] = operands as [Range, Range, Range];
  const [rows, length] = shape(0) as [number, number];
  const product = scaleRange(mulRanges(subRanges(x, TARGET), dloss), 2 / (rows * length));
  return withZero(widenFor(product, 4, magnitude(product)));
};

/** softplus(x) is at most x, or 0, and ln 2. */
const binaryCrossEntropy: RangeRule = ({ operands, shape }) => {
  const bound = magnitude(operands[0]!) + Math.LN2;
  const [rows, length] = shape(0) as [number, number];
  return Number.isFinite(bound) ? widenFor(between(0, bound), rows * length + 24, bound) : ANY;
};

const binaryCrossEntropyGrad: RangeRule = ({ operands, shape }) => {
  const [logits, , dloss] = operands as [Range, Range, Range];
  const [rows, length] = shape(0) as [number, number];
  if (!isBounded(logits)) return ANY;
  const product = scaleRange(mulRanges(between(-1, 1), dloss), 1 / (rows * length));
  return widenFor(product, 16, magnitude(product));
};

/** One rule per op: what its result can be before it is rounded to its format, given what its operands can be. */
export const RANGE_RULES = {
  // Inputs and states are bounded by the assumptions of an analysis.
  input: () => ANY,
  state: () => ANY,
  constant: ({ node }) => between(numberAttr(node.attrs, 'value'), numberAttr(node.attrs, 'value')),
  normalize,

  ...SUM_RULES,
  ...LAYER_NORM_RULES,

  relu: clamp((x) => Math.max(x, 0)),
  relu_grad: gate,
  relu6: clamp((x) => Math.min(Math.max(x, 0), 6)),
  relu6_grad: gate,
  gelu: gated(-0.17),
  gelu_grad: sloped(-0.13, 1.13),
  silu: gated(-0.279),
  silu_grad: sloped(-0.1, 1.1),
  sigmoid: monotonic((x) => 1 / (1 + Math.exp(-x)), 6),
  sigmoid_grad: sigmoidGrad,
  tanh: monotonic(Math.tanh, 6),
  tanh_grad: tanhGrad,
  leaky_relu: leakyRelu,
  leaky_relu_grad: leakyRelu,

  add: ({ operands }) => addRanges(operands[0]!, operands[1]!),
  sub: ({ operands }) => subRanges(operands[0]!, operands[1]!),
  mul: ({ operands }) => mulRanges(operands[0]!, operands[1]!),
  scale,
  shift,
  cast: unary((x) => x),
  dropout,
  reshape: unary((x) => x),
  concat: ({ operands }) => union(...operands),
  slice: unary((x) => x),
  transpose: unary((x) => x),
  broadcast: unary((x) => x),

  softmax,
  softmax_grad: softmaxGrad,
  log_softmax: logSoftmax,
  log_softmax_grad: logSoftmaxGrad,
  cross_entropy: ({ operands, shape }) => surprise(operands[0]!, shape(0)[1]!),
  cross_entropy_grad: crossEntropyGrad,
  mse,
  mse_grad: mseGrad,
  binary_cross_entropy: binaryCrossEntropy,
  binary_cross_entropy_grad: binaryCrossEntropyGrad,
  correct_count: ({ shape }) => between(0, shape(0)[0]!),

  ...UPDATE_RULES,
} as const satisfies Readonly<Record<OpName, RangeRule>>;
