import { LIMITS } from '../../numeric/formats.js';
import {
  abs,
  add,
  bits,
  call,
  clamp,
  div,
  equal,
  fma,
  fromBits,
  greater,
  int,
  isFiniteValue,
  isNan,
  keep,
  less,
  mask,
  mul,
  named,
  nearest,
  neg,
  number,
  polynomial,
  powerOfTwo,
  select,
  shiftRight,
  sub,
  toF32,
  toI32,
  unsigned,
  withSign,
} from './build.js';
import { ofElement, x } from './element-function.js';
import type { F32 } from './expression.js';

/*
 * The polynomials were fitted to this use (Chebyshev interpolation in double precision); errors are within two units in the last place, a
 * few more in the far tail of `normal`.
 */

const one = number(1);

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

/** e^(-x^2 / 2). */
export const bell = named('bell', exp(neg(mul(keep(mul(x, x)), number(0.5)))));

/** P(X <= x) of a standard normal X, by the bell of x. */
export function normalOfBell(): F32 {
  const a = named('a', mul(abs(x), number(Math.SQRT1_2)));
  const t = named('t', div(one, fma(a, number(0.5), one)));
  const ratio = polynomial(
    'ratio',
    t,
    [
      0.008730874397, -0.07484322041, 0.2433949411, -0.370518595, 0.2374477834, -0.06201528013, 0.1166676879, 0.1186058, 0.1415008008,
      0.1410292089,
    ],
  );
  const tail = named('tail', mul(mul(t, ratio), bell));
  return select(isNan(x), x, select(greater(x, number(0)), sub(one, tail), tail));
}

/** The error function, as the normal distribution takes it. */
export const NORMAL = ofElement(
  'normal',
  normalOfBell(),
  'P(X <= x) of a standard normal X: erfc(|x| / sqrt 2) / 2 as t r(t) e^(-x^2 / 2), t = 1 / (1 + |x| / sqrt 8).',
);
export const normal = (a: F32): F32 => call(NORMAL, a);
