import type { HelperText, SumName } from '../gpu/helper.js';

/** Functions for sums whose error does not grow with the number of terms. */
export const SUMS: Readonly<Record<SumName, HelperText>> = {
  add_term: (take) => {
    const keep = take('keep');
    return `/*
 * s + x, where s is a sum and what its additions rounded off: s.x is the sum, s.y is the sum of the errors (Neumaier 1974). Neither is
 * worth anything once s.x is not finite.
 */
fn add_term(s: vec2f, x: f32) -> vec2f {
  let sum = ${keep}(s.x + x);
  let part = ${keep}(sum - s.x);
  return vec2f(sum, s.y + (${keep}(s.x - ${keep}(sum - part)) + (x - part)));
}`;
  },

  add_pair: (take) => `fn add_pair(s: vec2f, t: vec2f) -> vec2f {
  let sum = ${take('add_term')}(s, t.x);
  return vec2f(sum.x, sum.y + t.y);
}`,

  sum_of: (take) => `fn sum_of(s: vec2f) -> f32 { return select(s.x, s.x + s.y, ${take('is_finite')}(s.y)); }`,

  mean_of: (take) => {
    const keep = take('keep');
    return `/*
 * The sum s of n terms, n a whole number below 2^24, by n: a quotient, and what it leaves of the sum, in products of halves that are
 * exact.
 */
fn mean_of(s: vec2f, n: f32) -> f32 {
  let q = ${keep}(${take('sum_of')}(s) / n);
  let q_high = bitcast<f32>(bitcast<u32>(q) & 0xfffff000u);
  let q_low = q - q_high;
  let n_high = bitcast<f32>(bitcast<u32>(n) & 0xfffff000u);
  let n_low = n - n_high;
  let rest = ((${keep}(s.x - ${keep}(q_high * n_high)) - ${keep}(q_high * n_low)) - ${keep}(q_low * n_high)) - ${keep}(q_low * n_low) + s.y;
  return select(q, q + rest / n, ${take('is_finite')}(rest));
}`;
  },

  squares_of: () => `/*
 * x^2 in one of three sums, so that none overflows or vanishes (Blue 1978): of large numbers, times 2^-176; of middle ones; of small ones,
 * times 2^172. Infinities and NaNs are large.
 */
fn squares_of(x: f32) -> vec3f {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  let is_large = magnitude >= 0x58800000u;
  let is_small = magnitude < 0x26800000u;
  let scaled = x * select(select(1.0f, 0x1p86f, is_small), 0x1p-88f, is_large);
  let square = scaled * scaled;
  return select(select(vec3f(0.0f, square, 0.0f), vec3f(0.0f, 0.0f, square), is_small), vec3f(square, 0.0f, 0.0f), is_large);
}`,

  norm_of: (take) => `/* The root of three such sums together; of finite numbers at most the largest f32. */
fn norm_of(large: f32, middle: f32, small: f32) -> f32 {
  if (bitcast<u32>(large) != 0u) {
    let root = sqrt(large + ${take('keep')}(middle * 0x1p-88f) * 0x1p-88f);
    return select(root * 0x1p88f, 0x1.fffffep127f, root >= 0x1p40f && ${take('is_finite')}(large));
  }
  if (bitcast<u32>(middle) != 0u) { return sqrt(middle + ${take('keep')}(small * 0x1p-86f) * 0x1p-86f); }
  return sqrt(small) * 0x1p-86f;
}`,
};
