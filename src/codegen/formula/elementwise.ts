import { elementCount, numberAttr, numbersAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import {
  add,
  atLeast,
  byPrecision,
  call,
  channel,
  computed,
  computedUnsigned,
  constants,
  div,
  element,
  equal,
  fma,
  fms,
  greater,
  inOrder,
  isNan,
  keep,
  less,
  letIn,
  mul,
  named,
  neg,
  not,
  number,
  operand,
  or,
  orZero,
  scalar,
  scalarInt,
  select,
  sqrt,
  sub,
  toU32,
} from './build.js';
import { CURVES } from './curves.js';
import { attribute, binary, type ElementFormula, unary } from './element-formula.js';
import type { F32 } from './expression.js';
import { CLIP_FACTOR, DROPOUT } from './step-functions.js';

const [first, second, third] = [operand(0), operand(1), operand(2)];
const [zero, one] = [number(0), number(1)];

/** (x / 255 - mean) / std as one multiplication and one subtraction, with both constants rounded to f32. */
const normalize: ElementFormula = ({ attrs }) => {
  const [mean, std] = [numbersAttr(attrs, 'mean'), numbersAttr(attrs, 'std')];
  const both = Array.from({ length: Math.max(mean.length, std.length) }, (_, c) => [mean[c % mean.length]!, std[c % std.length]!] as const);
  const factor = constants(
    'factor',
    both.map(([, s]) => 1 / (255 * s)),
  );
  const shift = constants(
    'shift',
    both.map(([m, s]) => m / s),
  );
  return fms(first, factor, shift);
};

const batchNorm: ElementFormula = (node) => {
  const [mean, variance, weight, bias] = [channel(1), channel(2), channel(3), channel(4)];
  const factor = div(weight, sqrt(add(variance, attribute(node, 'eps'))));
  return letIn([factor, mean, bias], fma(sub(first, mean), factor, bias));
};

const batchNormInputGrad: ElementFormula = (node) => {
  const [mean, variance, weight, dweight, dbias] = [channel(2), channel(3), channel(4), channel(5), channel(6)];
  const { shape } = node.type;
  const share = computed(1 / (elementCount(shape) / shape.at(-1)!));
  const deviation = sqrt(add(variance, attribute(node, 'eps')));
  const factor = div(weight, deviation);
  const slope = mul(mul(div(one, deviation), dweight), share);
  const offset = mul(dbias, share);
  return letIn([factor, slope, offset, mean], mul(factor, sub(sub(first, offset), mul(sub(second, mean), slope))));
};

const dropout: ElementFormula = ({ attrs }) => {
  const rate = numberAttr(attrs, 'rate');
  const [seed, salt] = [computedUnsigned(numberAttr(attrs, 'seed') >>> 0), computedUnsigned(numberAttr(attrs, 'salt') >>> 0)];
  const threshold = computedUnsigned(Math.ceil(Math.fround(rate) * 2 ** 24));
  return call(DROPOUT, first, seed, salt, toU32(scalarInt(1)), element, threshold, computed(1 / (1 - rate)));
};

/** x * max / (norm + 1e-6) where that is smaller than x. */
const clipByNorm: ElementFormula = (node) => {
  const [max, norm] = [attribute(node, 'max'), scalar(1)];
  // Without doubles, 2^-64 is taken of a large norm, as max / norm may be too small for f32.
  const isLarge = named('is_large', atLeast(norm, number(2 ** 64)));
  const part = named('part', select(isLarge, number(2 ** -64), one));
  const factor = named('factor', div(max, add(mul(norm, part), select(isLarge, zero, number(1e-6)))));
  const isBelow = named('is_below', or(less(mul(factor, part), one), isNan(factor)));
  return byPrecision({
    double: mul(first, call(CLIP_FACTOR, max, norm)),
    single: select(isBelow, mul(keep(mul(first, part)), factor), first),
  });
};

/** dy where the first is larger, half of it where they are equal. */
const passed = (larger: F32, smaller: F32) =>
  orZero(not(less(larger, smaller)), select(equal(larger, smaller), mul(first, number(0.5)), first));

/** A loss, or the gradient that it begins with, times loss scale and share of the step. */
const scaledLoss = binary((x, scale, node) => mul(inOrder(mul(x, scale)), attribute(node, 'factor')));

/** Ops that compute each element from the same element of their operands, from its channel's numbers and from scalars. */
export const ELEMENTWISE: Readonly<Record<OpOfKind<'elementwise' | 'scalar' | 'exchange'>, ElementFormula>> = {
  normalize,
  batch_norm: batchNorm,
  batch_norm_input_grad: batchNormInputGrad,
  dropout,

  ...CURVES,
  prelu: binary((x, slope) => select(greater(x, zero), x, mul(x, slope))),
  prelu_grad: () => letIn([first, second, third], select(greater(second, zero), first, mul(first, third))),
  prelu_slope_grad: binary((dy, x) => select(greater(x, zero), zero, mul(dy, x))),

  // Of one rank; C has a kernel of its own.
  all_reduce: () => first,

  add: binary(add),
  sub: binary(sub),
  mul: binary(mul),
  div: binary(div),
  div_dividend_grad: binary(div),
  div_divisor_grad: () => letIn([first, second, third], neg(div(mul(first, second), third))),
  maximum: binary((a, b) => select(or(greater(a, b), isNan(a)), a, b)),
  maximum_grad: () => letIn([first, second, third], passed(second, third)),
  minimum: binary((a, b) => select(or(less(a, b), isNan(a)), a, b)),
  minimum_grad: () => letIn([first, second, third], passed(third, second)),
  scale: unary((x, node) => mul(x, attribute(node, 'factor'))),
  scale_by: binary(mul),
  shift: unary((x, node) => add(x, attribute(node, 'offset'))),
  cast: unary((x) => x),

  scale_loss: scaledLoss,
  scale_loss_grad: scaledLoss,
  unscale: unary((x) => mul(x, div(one, scalar(1)))),
  clip_by_norm: clipByNorm,
  over_norm: (node) => div(first, add(scalar(1), attribute(node, 'eps'))),
};
