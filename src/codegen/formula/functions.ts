import { LIMITS } from '../../numeric/formats.js';
import {
  abs,
  add,
  atLeast,
  bits,
  call,
  clamp,
  div,
  double,
  equal,
  fma,
  fromBits,
  greater,
  int,
  isFiniteValue,
  isNan,
  keep,
  less,
  letIn,
  mask,
  mul,
  named,
  nearest,
  neg,
  number,
  or,
  orZero,
  parameter,
  polynomial,
  power,
  powerOfTwo,
  randomWord,
  select,
  shiftRight,
  sqrt,
  sub,
  toF32,
  toF64,
  toI32,
  unsigned,
  withSign,
} from './build.js';
import type { F32, FormulaFunction } from './expression.js';

/*
 * The polynomials were fitted to this use (Chebyshev interpolation in double precision); errors are within two units in the last place, a
 * few more in the far tail of `normal`.
 */

const x = parameter('x', 'f32', 'element');
const one = number(1);

function ofElement(name: string, result: F32, doc?: string): FormulaFunction<'f32'> {
  return { name, parameters: [x], result, ...(doc !== undefined && { doc }) };
}

function expResult(): F32 {
  const clamped = named('clamped', clamp(x, number(-104), number(89)));
  const n = named('n', nearest(mul(clamped, number(1.4426950216293335))));
  const whole = named('whole', toF32(n));
  // ln 2 in two parts, of which the first times n is exact.
  const rest = named('rest', fma(whole, number(-0.693145751953125), clamped));
  const r = named('r', fma(whole, number(-1.428606765330187e-6), rest));
  const p = polynomial('p', r, [1.98412698e-4, 1.38888889e-3, 8.33333333e-3, 4.16666667e-2, 1.66666667e-1, 0.5, 1, 1]);
  const half = named('half', shiftRight(n, 1));
  return select(isNan(x), x, mul(mul(p, powerOfTwo(half)), powerOfTwo(sub(n, half))));
}

export const EXP = ofElement(
  'exp',
  expResult(),
  'e^x: x = n ln 2 + r, a polynomial in r, and two factors of two so that neither leaves the range of the exponent.',
);
export const exp = (a: F32): F32 => call(EXP, a);

function logResult(): F32 {
  const shifted = named('shifted', add(bits(x), unsigned(0x3f800000 - 0x3f3504f3)));
  const e = named('e', toF32(sub(toI32(shiftRight(shifted, 23)), int(127))));
  const m = named('m', fromBits(add(mask(shifted, 0x7fffff), unsigned(0x3f3504f3))));
  const f = named('f', sub(m, one));
  const s = named('s', div(f, add(number(2), f)));
  const z = named('z', mul(s, s));
  const p = polynomial('p', z, [0.18181818, 0.22222222, 0.28571429, 0.4, 0.66666667]);
  const log = named('log_m', fma(e, number(9.0580006e-6), sub(f, mul(s, sub(f, mul(z, p))))));
  return select(isFiniteValue(x), fma(e, number(0.693138123), log), x);
}

/** For targets whose own logarithm is not known to be within an ulp. */
export const LOG = ofElement(
  'log',
  logResult(),
  'ln x of a positive, normal x: exponent and a series in s = (m - 1) / (m + 1) for the mantissa m in [sqrt(1/2), sqrt 2).',
);
export const log = (a: F32): F32 => call(LOG, a);

function lnResult(): F32 {
  const subnormal = named('subnormal', less(x, number(LIMITS.f32.smallestNormal)));
  const normal = named('normal_x', select(subnormal, mul(x, number(2 ** 23)), x));
  const value = sub(log(normal), select(subnormal, number(23 * Math.LN2), number(0)));
  // Computed of x, since WGSL has no literals of them.
  const [minusInfinity, nan] = [0xff800000, 0x7fc00000].map((pattern) => fromBits(add(mask(bits(x), 0), unsigned(pattern))));
  return select(greater(x, number(0)), value, select(equal(x, number(0)), minusInfinity!, nan!));
}

export const LN = ofElement('ln', lnResult(), 'ln x of any x: -infinity of 0, NaN of what is negative.');
export const ln = (a: F32): F32 => call(LN, a);

const expm1Series = [1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1];
const expm1Small = mul(x, polynomial('p', x, expm1Series));
export const EXPM1 = ofElement(
  'expm1',
  select(less(abs(x), number(0.5)), expm1Small, sub(exp(x), one)),
  'e^x - 1, near 0 by its series, without cancellation.',
);
export const expm1 = (a: F32): F32 => call(EXPM1, a);

export const SIGMOID = ofElement('sigmoid', div(one, add(one, exp(neg(x)))));
export const sigmoid = (a: F32): F32 => call(SIGMOID, a);

function softplusResult(): F32 {
  const u = named('u', exp(neg(abs(x))));
  const s = named('s', div(u, add(number(2), u)));
  const z = named('z', mul(s, s));
  const p = polynomial('p', z, [0.153846154, 0.181818182, 0.222222222, 0.285714286, 0.4, 0.666666667, 2]);
  return add(select(greater(x, number(0)), x, number(0)), mul(p, s));
}

export const SOFTPLUS = ofElement(
  'softplus',
  softplusResult(),
  'ln(1 + e^x) = max(x, 0) + ln(1 + u), u = e^-|x|; the logarithm as 2 artanh(u / (2 + u)), by its series.',
);
export const softplus = (a: F32): F32 => call(SOFTPLUS, a);

function tanhResult(): F32 {
  const a = named('a', abs(x));
  const z = named('z', mul(x, x));
  const p = polynomial('p', z, [2.29584053e-3, -8.34697951e-3, 2.17699613e-2, -5.39594069e-2, 1.33333042e-1, -3.33333343e-1]);
  const small = named('small', fma(mul(x, z), p, x));
  const large = named('large', sub(one, div(number(2), add(exp(add(a, a)), one))));
  return select(isNan(x), x, select(less(a, number(0.625)), small, withSign(large, x)));
}

export const TANH = ofElement('tanh', tanhResult(), 'Odd polynomial near zero, else from e^2|x|.');
export const tanh = (a: F32): F32 => call(TANH, a);

function normalResult(): F32 {
  const a = named('a', mul(abs(x), number(Math.SQRT1_2)));
  const t = named('t', div(one, fma(a, number(0.5), one)));
  const g = polynomial(
    'g',
    t,
    [
      0.1465371698, -0.6895892024, 1.1773762703, -0.723754108, -0.0575148836, -0.0108340793, 0.0387195125, 0.3857792616, 0.9987329841,
      -1.265452981,
    ],
  );
  const square = mul(keep(mul(x, x)), number(0.5));
  const tail = named('tail', mul(mul(number(0.5), t), exp(sub(g, square))));
  return select(isNan(x), x, select(greater(x, number(0)), sub(one, tail), tail));
}

/** The error function, as the normal distribution takes it. */
export const NORMAL = ofElement(
  'normal',
  normalResult(),
  'P(X <= x) of a standard normal X: erfc(|x| / sqrt 2) / 2 as t e^(g(t) - x^2 / 2), t = 1 / (1 + |x| / sqrt 8).',
);
const normal = (a: F32): F32 => call(NORMAL, a);

export const GELU = ofElement('gelu', mul(x, normal(x)));
export const GELU_SLOPE = ofElement('gelu_slope', fma(mul(x, number(0.39894228)), exp(mul(mul(number(-0.5), x), x)), normal(x)));

const s = named('s', sigmoid(x));
export const SILU_SLOPE = ofElement('silu_slope', mul(s, fma(x, sub(one, s), one)));

/** sqrt(8 / pi) and 0.044715: gelu by its approximation is x * sigmoid(u), u = GELU_FACTOR * (x + GELU_CUBE * x^3). */
const [GELU_FACTOR, GELU_CUBE] = [Math.sqrt(8 / Math.PI), 0.044715];
const cubed = mul(number(GELU_FACTOR), mul(x, fma(mul(x, x), number(GELU_CUBE), one)));
export const GELU_TANH = ofElement('gelu_tanh', mul(x, sigmoid(cubed)));
const part = named('part', sigmoid(cubed));
const cubedSlope = mul(number(GELU_FACTOR), fma(mul(x, x), number(3 * GELU_CUBE), one));
export const GELU_TANH_SLOPE = ofElement('gelu_tanh_slope', fma(mul(mul(x, part), sub(one, part)), cubedSlope, part));

/** Where tanh(softplus(x)) is 1 in f32, and squares of e^x are far from the end of its range. */
const capped = named('capped', select(greater(x, number(20)), number(20), x));
const grown = named('e', exp(capped));
const w = named('w', mul(grown, add(grown, number(2))));
const tanhOfSoftplus = named('t', div(w, add(w, number(2))));
export const MISH = ofElement('mish', mul(x, tanhOfSoftplus), 'x tanh(ln(1 + e^x)) = x w / (w + 2), w = e^x (e^x + 2).');
const half = named('r', div(number(2), add(w, number(2))));
export const MISH_SLOPE = ofElement(
  'mish_slope',
  fma(mul(capped, mul(grown, add(grown, one))), mul(half, half), tanhOfSoftplus),
  't + x 4 e (e + 1) / (w + 2)^2, with e = e^x and t = w / (w + 2).',
);

const [key0, key1] = [parameter('key0', 'u32', 'scalar'), parameter('key1', 'u32', 'scalar')];
const step = parameter('step', 'u32', 'scalar');
const index = parameter('index', 'index', 'element');
const threshold = parameter('threshold', 'u32', 'scalar');
const factor = parameter('factor', 'f32', 'scalar');

export const DROPOUT: FormulaFunction<'f32'> = {
  name: 'dropout',
  doc: "x * factor where the element's uniform 24-bit number is at least threshold, else zero.",
  parameters: [x, key0, key1, step, index, threshold, factor],
  result: orZero(atLeast(toI32(shiftRight(randomWord(key0, key1, index, step), 8)), toI32(threshold)), mul(x, factor)),
};

const [most, norm] = [parameter('most', 'f32', 'scalar'), parameter('norm', 'f32', 'scalar')];
const ratio = named('ratio', div(toF64(most), add(toF64(norm), double(1e-6))));

export const CLIP_FACTOR: FormulaFunction<'f32'> = {
  name: 'clip_factor',
  doc: 'What gradients are multiplied with so that their norm is at most that. A NaN norm makes every gradient NaN, as in PyTorch.',
  parameters: [most, norm],
  result: select(or(less(ratio, double(1)), isNan(ratio)), toF32(ratio), one),
  only: 'double',
};

const lr = parameter('lr', 'f32', 'scalar');
const beta = parameter('beta', 'f64', 'scalar');
const t = parameter('t', 'i32', 'scalar');
const rest = sub(double(1), power(beta, t));

export const ADAM_RATE: FormulaFunction<'f32'> = {
  name: 'adam_rate',
  doc: "Adam's step size lr / (1 - beta1^t) at update t, counted from 1.",
  parameters: [lr, beta, t],
  result: toF32(div(toF64(lr), rest)),
  only: 'double',
};

export const ADAM_ROOT: FormulaFunction<'f32'> = {
  name: 'adam_root',
  doc: '1 / sqrt(1 - beta2^t).',
  parameters: [beta, t],
  result: toF32(div(double(1), sqrt(rest))),
  only: 'double',
};

const y = parameter('x', 'f32', 'scalar');

/** 1 + y/2 (1 + y/3 (.. (1 + y/7))). */
const brackets = [6, 5, 4, 3, 2].reduce<F32>((inner, n) => add(one, mul(div(y, number(n)), inner)), add(one, div(y, number(7))));
const series = named('series', mul(neg(y), brackets));

/** For targets without doubles: 1 - beta^t as 1 - e^(t ln beta). */
export const ONE_MINUS_EXP: FormulaFunction<'f32'> = {
  name: 'one_minus_exp',
  doc: '1 - e^x for x <= 0, without cancellation near zero.',
  parameters: [y],
  result: letIn([series], select(greater(y, number(-0.5)), series, sub(one, exp(y)))),
  only: 'single',
};

/** All functions, in an order in which each stands behind those that it calls. */
export const FUNCTIONS: readonly FormulaFunction[] = [
  EXP,
  LOG,
  LN,
  EXPM1,
  SIGMOID,
  SOFTPLUS,
  TANH,
  NORMAL,
  GELU,
  GELU_SLOPE,
  SILU_SLOPE,
  GELU_TANH,
  GELU_TANH_SLOPE,
  MISH,
  MISH_SLOPE,
  DROPOUT,
  CLIP_FACTOR,
  ADAM_RATE,
  ADAM_ROOT,
  ONE_MINUS_EXP,
];
