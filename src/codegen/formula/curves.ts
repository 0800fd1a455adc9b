import type { Node } from '../../ir/types.js';
import { numberAttr } from '../../ir/types.js';
import type { UnaryOp } from '../../ops/index.js';
import { pairs } from '../../ops/unary-op.js';
import { GELU, GELU_SLOPE, GELU_TANH, GELU_TANH_SLOPE, MISH, MISH_SLOPE, SILU_SLOPE } from './activation-functions.js';
import {
  abs,
  add,
  and,
  atLeast,
  call,
  computed,
  div,
  equal,
  fma,
  greater,
  isPositiveOrNan,
  less,
  mul,
  named,
  neg,
  not,
  number,
  orZero,
  select,
  sqrt,
  sub,
} from './build.js';
import { attribute, binary, type ElementFormula, unary } from './element-formula.js';
import type { Bool, F32 } from './expression.js';
import { everywhere, power } from './power.js';
import { exp, expm1, ln, sigmoid, softplus, tanh } from './special-functions.js';

const [zero, one, six] = [number(0), number(1), number(6)];

const relu = (x: F32) => orZero(isPositiveOrNan(x), x);
const [sixth, third] = [number(1 / 6), number(1 / 3)];

/** Of x + 3: 0 below 0, 6 above 6, over 6; a NaN passes. */
function hardSigmoid(x: F32): F32 {
  const shifted = named('shifted', add(x, number(3)));
  return mul(select(less(shifted, zero), zero, select(greater(shifted, six), six, shifted)), sixth);
}

/** 0 where not `isAbove`, 1 where not `isBelow`, else the value. */
const clamped = (value: F32, isAbove: Bool, isBelow: Bool) => select(isAbove, select(isBelow, value, one), zero);

const times = (x: F32, factor: number) => (factor === 1 ? x : mul(x, computed(factor)));
const eluOf = ({ attrs }: Node) => ['alpha', 'scale', 'input_scale'].map((name) => numberAttr(attrs, name)) as [number, number, number];
const isApproximate = ({ attrs }: Node) => attrs.approximate === 'tanh';
const exponentOf = (node: Node) => Math.fround(numberAttr(node.attrs, 'exponent'));
const isPositive = (x: F32) => greater(x, zero);

/** Ops of one operand x with the result y: the result, and the gradient from dy and the one of both that the op's gradient reads. */
export const CURVES = pairs<UnaryOp, ElementFormula>({
  relu: [unary(relu), binary((dy, y) => orZero(isPositive(y), dy))],
  relu6: [unary((x) => select(greater(x, six), six, relu(x))), binary((dy, y) => orZero(and(isPositive(y), less(y, six)), dy))],
  gelu: [
    unary((x, node) => call(isApproximate(node) ? GELU_TANH : GELU, x)),
    binary((dy, x, node) => mul(dy, call(isApproximate(node) ? GELU_TANH_SLOPE : GELU_SLOPE, x))),
  ],
  silu: [unary((x) => mul(x, sigmoid(x))), binary((dy, x) => mul(dy, call(SILU_SLOPE, x)))],
  sigmoid: [unary(sigmoid), binary((dy, y) => mul(mul(dy, y), sub(one, y)))],
  tanh: [unary(tanh), binary((dy, y) => mul(dy, sub(one, mul(y, y))))],
  leaky_relu: [
    unary((x, node) => select(isPositive(x), x, mul(x, attribute(node, 'slope')))),
    binary((dy, x, node) => select(isPositive(x), dy, mul(dy, attribute(node, 'slope')))),
  ],
  hardswish: [
    unary((x) => mul(x, hardSigmoid(x))),
    binary((dy, x) => mul(dy, clamped(fma(x, third, number(0.5)), greater(x, number(-3)), less(x, number(3))))),
  ],
  hardsigmoid: [unary(hardSigmoid), binary((dy, x) => orZero(and(greater(x, number(-3)), less(x, number(3))), mul(dy, sixth)))],
  elu: [
    unary((x, node) => {
      const [alpha, scale, inputScale] = eluOf(node);
      return select(isPositive(x), times(x, scale), times(expm1(times(x, inputScale)), alpha * scale));
    }),
    binary((dy, x, node) => {
      const [alpha, scale, inputScale] = eluOf(node);
      const below = times(exp(times(x, inputScale)), alpha * scale * inputScale);
      return mul(dy, select(isPositive(x), computed(scale), below));
    }),
  ],
  mish: [unary((x) => call(MISH, x)), binary((dy, x) => mul(dy, call(MISH_SLOPE, x)))],
  softplus: [
    unary((x, node) => {
      const [z, beta] = [named('z', mul(x, attribute(node, 'beta'))), attribute(node, 'beta')];
      return select(greater(z, attribute(node, 'threshold')), x, div(softplus(z), beta));
    }),
    binary((dy, x, node) => {
      const z = named('z', mul(x, attribute(node, 'beta')));
      return select(greater(z, attribute(node, 'threshold')), dy, mul(dy, sigmoid(z)));
    }),
  ],
  softsign: [
    unary((x) => div(x, add(one, abs(x)))),
    binary((dy, x) => {
      const share = named('share', div(one, add(one, abs(x))));
      return mul(mul(dy, share), share);
    }),
  ],

  exp: [unary(exp), binary(mul)],
  log: [unary(ln), binary(div)],
  sqrt: [unary(sqrt), binary((dy, y) => div(dy, mul(y, number(2))))],
  abs: [unary(abs), binary((dy, x) => orZero(not(equal(x, zero)), select(less(x, zero), neg(dy), dy)))],
  pow: [
    unary((x, node) => power(x, exponentOf(node))),
    binary((dy, x, node) => {
      const exponent = exponentOf(node);
      return exponent === 0 ? everywhere(x, 0) : mul(mul(dy, computed(exponent)), power(x, exponent - 1));
    }),
  ],
  clamp: [
    unary((x, { attrs: { low, high } }) => {
      const raised = low === undefined ? x : named('raised', select(less(x, computed(Number(low))), computed(Number(low)), x));
      return high === undefined ? raised : select(greater(raised, computed(Number(high))), computed(Number(high)), raised);
    }),
    binary((dy, x, { attrs: { low, high } }) => {
      const passed = [
        ...(low === undefined ? [] : [atLeast(x, computed(Number(low)))]),
        ...(high === undefined ? [] : [atLeast(computed(Number(high)), x)]),
      ];
      return passed.reduce((value, isWithin) => orZero(isWithin, value), dy);
    }),
  ],
});
