import { abs, computed, div, isNan, less, mul, named, neg, number, select, sqrt } from './build.js';
import type { F32 } from './expression.js';
import { exp, ln } from './special-functions.js';

const one = number(1);

/** Exponents up to this are products, and of halves a root: each factor rounds once. */
const MOST_FACTORS = 16;

/** x^n by repeated squaring, n at least 1. */
function product(x: F32, n: number): F32 {
  const rest = n > 1 ? product(named('square', mul(x, x)), Math.floor(n / 2)) : undefined;
  return rest === undefined ? x : n % 2 === 1 ? mul(rest, x) : rest;
}

/** The same number at every element, NaN or not. */
export function everywhere(x: F32, value: number): F32 {
  return select(isNan(x), number(value), number(value));
}

/** x^exponent of an exponent known beforehand. By logarithms the relative error is about |exponent * ln x| units of f32's roundoff. */
export function power(x: F32, exponent: number): F32 {
  const magnitude = Math.abs(exponent);
  const half = magnitude % 1;
  if (exponent === 0) return everywhere(x, 1);
  if (magnitude <= MOST_FACTORS && (half === 0 || half === 0.5)) {
    const whole = magnitude < 1 ? undefined : product(x, Math.floor(magnitude));
    const value = half === 0 ? whole! : whole === undefined ? sqrt(x) : mul(whole, sqrt(x));
    return exponent < 0 ? div(one, value) : value;
  }
  const isWhole = half === 0;
  const value = named('power', exp(mul(ln(isWhole ? abs(x) : x), computed(exponent))));
  return isWhole && magnitude % 2 === 1 ? select(less(x, number(0)), neg(value), value) : value;
}
