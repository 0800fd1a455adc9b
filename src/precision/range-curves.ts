import type { Node } from '../ir/types.js';
import { numberAttr } from '../ir/types.js';
import { LIMITS } from '../numeric/formats.js';
import type { UnaryOp } from '../ops/index.js';
import { pairs } from '../ops/unary-op.js';
import {
  ANY,
  between,
  divRanges,
  isBounded,
  magnitude,
  mulRanges,
  type Range,
  scaleRange,
  union,
  widen,
  widenFor,
  withZero,
} from './range.js';
import { gate, type RangeRule, unary } from './range-rule.js';

/** An increasing function that also takes infinities, within `count` roundings. */
function monotonic(f: (x: number) => number, count: number): RangeRule {
  return unary((x) => {
    const [low, high] = [f(x.low), f(x.high)];
    return { ...widenFor(between(low, high), count, Math.max(Math.abs(low), Math.abs(high))), nan: x.nan };
  });
}

/** As `monotonic`, of a function that has no value, or an infinite one, at `least` or below. */
function above(least: number, f: (x: number) => number, count: number): RangeRule {
  const rule = monotonic(f, count);
  return (context) => (context.operands[0]!.low > least ? rule(context) : ANY);
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

const expGrad: RangeRule = ({ operands }) => {
  const product = mulRanges(operands[0]!, operands[1]!);
  return widenFor(product, 1, magnitude(product));
};

const abs = unary((x) => ({
  low: x.low <= 0 && x.high >= 0 ? 0 : Math.min(Math.abs(x.low), Math.abs(x.high)),
  high: Math.max(Math.abs(x.low), Math.abs(x.high)),
  nan: x.nan,
}));

/** x^exponent: monotonic on either side of 0. */
function powerRange(x: Range, exponent: number): Range {
  const hasZero = x.low <= 0 && x.high >= 0;
  const isWhole = Number.isInteger(exponent);
  if (!isBounded(x) || (hasZero && exponent < 0) || (!isWhole && x.low < 0)) return ANY;
  const ends = [x.low, x.high, ...(hasZero ? [0] : [])].map((end) => end ** exponent);
  const roundings = 16 + 2 * Math.abs(exponent) * (1 + Math.max(...[x.low, x.high].map((end) => Math.abs(Math.log(Math.abs(end) || 1)))));
  const bound = between(Math.min(...ends), Math.max(...ends));
  // Products may leave the range of f32 on their way to a reciprocal.
  return widen(widenFor(bound, roundings, magnitude(bound)), LIMITS.f32.smallestNormal);
}

const eluOf = ({ attrs }: Node) =>
  ['alpha', 'scale', 'input_scale'].map((name) => Math.fround(numberAttr(attrs, name))) as [number, number, number];

/** Monotonic on either side of 0. */
const elu: RangeRule = ({ operands, node }) => {
  const [x] = operands as [Range];
  const [alpha, scale, inputScale] = eluOf(node);
  if (!isBounded(x)) return ANY;
  const ends = [x.low, x.high, 0].map((end) => (end > 0 ? scale * end : alpha * scale * Math.expm1(inputScale * end)));
  const bound = between(Math.min(...ends), Math.max(...ends));
  return widenFor(bound, 12, magnitude(bound) + Math.abs(alpha * scale));
};

const eluGrad: RangeRule = ({ operands, node }) => {
  const [dy, x] = operands as [Range, Range];
  const [alpha, scale, inputScale] = eluOf(node);
  if (!isBounded(x)) return ANY;
  const slopes = [scale, ...[Math.min(x.low, 0), 0].map((end) => alpha * scale * inputScale * Math.exp(inputScale * end))];
  const product = mulRanges(dy, between(Math.min(...slopes), Math.max(...slopes)));
  return widenFor(product, 12, magnitude(product));
};

/** Increasing, but for a step down to x at the threshold, where ln(1 + e^z) is a little above z. */
const softplus: RangeRule = (context) => {
  const { attrs } = context.node;
  const [beta, threshold] = [numberAttr(attrs, 'beta'), numberAttr(attrs, 'threshold')];
  const value = (x: number) => (x * beta > threshold ? x : (Math.max(x * beta, 0) + Math.log1p(Math.exp(-Math.abs(x * beta)))) / beta);
  const bound = monotonic(value, 24)(context);
  return isBounded(bound) ? widen(bound, Math.log1p(Math.exp(-threshold)) / beta) : bound;
};

const exponentOf = (node: Node) => Math.fround(numberAttr(node.attrs, 'exponent'));

const pow: RangeRule = ({ operands, node }) => powerRange(operands[0]!, exponentOf(node));

const powGrad: RangeRule = ({ operands, node }) => {
  const [dy, x] = operands as [Range, Range];
  const exponent = exponentOf(node);
  if (exponent === 0) return between(0, 0);
  const product = mulRanges(scaleRange(dy, exponent), powerRange(x, exponent - 1));
  return widenFor(product, 3, magnitude(product));
};

const boundOf = ({ attrs }: Node, name: 'low' | 'high') =>
  attrs[name] === undefined ? (name === 'low' ? -Infinity : Infinity) : Math.fround(Number(attrs[name]));

/** Ops of one operand x with the result y, and their gradients. */
export const CURVE_RULES = pairs<UnaryOp, RangeRule>({
  relu: [clamp((x) => Math.max(x, 0)), gate],
  relu6: [clamp((x) => Math.min(Math.max(x, 0), 6)), gate],
  gelu: [gated(-0.171), sloped(-0.13, 1.13)],
  silu: [gated(-0.279), sloped(-0.1, 1.1)],
  sigmoid: [monotonic((x) => 1 / (1 + Math.exp(-x)), 6), sigmoidGrad],
  tanh: [monotonic(Math.tanh, 6), tanhGrad],
  leaky_relu: [leakyRelu, leakyRelu],
  hardswish: [gated(-0.376), sloped(-0.51, 1.51)],
  hardsigmoid: [monotonic((x) => Math.min(Math.max(x + 3, 0), 6) / 6, 4), sloped(0, 0.17)],
  elu: [elu, eluGrad],
  mish: [gated(-0.309), sloped(-0.12, 1.1)],
  softplus: [softplus, sloped(0, 1)],
  softsign: [monotonic((x) => (Number.isFinite(x) ? x / (1 + Math.abs(x)) : NaN), 4), sloped(0, 1)],

  exp: [monotonic(Math.exp, 6), expGrad],
  log: [above(0, Math.log, 8), ({ operands: [dy, x] }) => divRanges(dy!, x!)],
  sqrt: [above(-Number.MIN_VALUE, Math.sqrt, 4), ({ operands: [dy, y] }) => divRanges(dy!, scaleRange(y!, 2))],
  abs: [abs, unary((dy) => union(withZero(dy), scaleRange(dy, -1)))],
  pow: [pow, powGrad],
  clamp: [(context) => clamp((x) => Math.min(Math.max(x, boundOf(context.node, 'low')), boundOf(context.node, 'high')))(context), gate],
});
