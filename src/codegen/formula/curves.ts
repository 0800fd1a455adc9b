import type { Node } from '../../ir/types.js';
import { numberAttr } from '../../ir/types.js';
import type { UnaryOp } from '../../ops/index.js';
import { pairs } from '../../ops/unary-op.js';
import {
  abs,
  and,
  call,
  computed,
  div,
  equal,
  greater,
  isPositiveOrNan,
  less,
  mul,
  neg,
  not,
  number,
  orZero,
  select,
  sqrt,
  sub,
} from './build.js';
import { attribute, binary, type ElementFormula, unary } from './element-formula.js';
import type { F32 } from './expression.js';
import { exp, GELU, GELU_SLOPE, ln, SILU_SLOPE, sigmoid, tanh } from './functions.js';
import { everywhere, power } from './power.js';

const [zero, one, six] = [number(0), number(1), number(6)];

const relu = (x: F32) => orZero(isPositiveOrNan(x), x);
const exponentOf = (node: Node) => Math.fround(numberAttr(node.attrs, 'exponent'));
const isPositive = (x: F32) => greater(x, zero);

/** Ops of one operand x with the result y: the result, and the gradient from dy and the one of both that the op's gradient reads. */
export const CURVES = pairs<UnaryOp, ElementFormula>({
  relu: [unary(relu), binary((dy, y) => orZero(isPositive(y), dy))],
  relu6: [unary((x) => select(greater(x, six), six, relu(x))), binary((dy, y) => orZero(and(isPositive(y), less(y, six)), dy))],
  gelu: [unary((x) => call(GELU, x)), binary((dy, x) => mul(dy, call(GELU_SLOPE, x)))],
  silu: [unary((x) => mul(x, sigmoid(x))), binary((dy, x) => mul(dy, call(SILU_SLOPE, x)))],
  sigmoid: [unary(sigmoid), binary((dy, y) => mul(mul(dy, y), sub(one, y)))],
  tanh: [unary(tanh), binary((dy, y) => mul(dy, sub(one, mul(y, y))))],
  leaky_relu: [
    unary((x, node) => select(isPositive(x), x, mul(x, attribute(node, 'slope')))),
    binary((dy, x, node) => select(isPositive(x), dy, mul(dy, attribute(node, 'slope')))),
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
});
