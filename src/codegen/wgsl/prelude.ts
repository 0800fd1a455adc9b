import { SUMS } from './prelude-sums.js';

/**
 * Functions that kernels take by name. What WGSL leaves to the driver (accuracy of exp, log and tanh, rounding to f16 inside a kernel, NaN in
 * comparisons) is written out here in operations that every driver computes alike.
 */
const HELPERS: Readonly<Record<string, string>> = {
  ...SUMS,

  inf: 'fn inf() -> f32 { return bitcast<f32>(0x7f800000u | opaque); }',

  is_nan: 'fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }',

  is_finite: 'fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }',

  keep: `/* x, where no fused multiply-add may swallow its rounding. */
fn keep(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ opaque); }`,

  round_f16: `/* The nearest f16, ties to even, in integers: a driver may skip f32(f16(x)). Below 2^-14 the ulp is that of 0.5 in f32. */
fn round_f16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  let rounded = (magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) & 0xffffe000u;
  let large = select(rounded, 0x7f800000u, rounded >= 0x47800000u);
  let small = bitcast<u32>(f32(bitcast<u32>(bitcast<f32>(magnitude) + 0.5f) - 0x3f000000u) * 0x1p-24f);
  let result = select(large, small, magnitude < 0x38800000u);
  return bitcast<f32>(select(result | (bits & 0x80000000u), bits, magnitude > 0x7f800000u));
}`,

  exp_: `/* e^x: x = n ln 2 + r, a polynomial in r, and two factors of two so that neither leaves the range of the exponent. */
fn exp_(x: f32) -> f32 {
  let clamped = clamp(x, -104.0f, 89.0f);
  let whole = round(clamped * 0x1.715476p0f);
  var r = clamped - whole * 0x1.62e4p-1f;
  r = r - whole * 0x1.7f7d1cp-20f;
  var p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  let n = i32(whole);
  let half = n >> 1u;
  let low = bitcast<f32>(u32(half + 127) << 23u);
  let high = bitcast<f32>(u32(n - half + 127) << 23u);
  return select(p * low * high, x, is_nan(x));
}`,

  log_: `/* ln x of a positive, normal x: exponent and a series in s = (m - 1) / (m + 1) for the mantissa m in [sqrt(1/2), sqrt 2). */
fn log_(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let shifted = bits + (0x3f800000u - 0x3f3504f3u);
  let e = f32(i32(shifted >> 23u) - 127);
  let m = bitcast<f32>((shifted & 0x7fffffu) + 0x3f3504f3u);
  let f = m - 1.0f;
  let s = f / (2.0f + f);
  let z = s * s;
  let series = z * (0.66666667f + z * (0.4f + z * (0.28571429f + z * (0.22222222f + z * 0.18181818f))));
  let log = f - s * (f - series) + (e * 9.0580006e-6f);
  return select(e * 0.693138123f + log, x, !is_finite(x));
}`,

  sigmoid: 'fn sigmoid(x: f32) -> f32 { return 1.0f / (1.0f + exp_(-x)); }',

  softplus: `/* ln(1 + e^x) = max(x, 0) + ln(1 + u), u = e^-|x|; the logarithm as 2 artanh(u / (2 + u)), by its series. */
fn softplus(x: f32) -> f32 {
  let u = exp_(-abs(x));
  let s = u / (2.0f + u);
  let z = s * s;
  var p = 0.153846154f;
  p = p * z + 0.181818182f;
  p = p * z + 0.222222222f;
  p = p * z + 0.285714286f;
  p = p * z + 0.4f;
  p = p * z + 0.666666667f;
  p = p * z + 2.0f;
  return select(0.0f, x, x > 0.0f) + p * s;
}`,

  tanh_: `/* Odd polynomial near zero, else from e^2|x|. */
fn tanh_(x: f32) -> f32 {
  let a = abs(x);
  let z = x * x;
  var p = 2.29584053e-3f;
  p = p * z - 8.34697951e-3f;
  p = p * z + 2.17699613e-2f;
  p = p * z - 5.39594069e-2f;
  p = p * z + 1.33333042e-1f;
  p = p * z - 3.33333343e-1f;
  let small = x * z * p + x;
  let large = (1.0f - 2.0f / (exp_(a + a) + 1.0f)) * select(1.0f, -1.0f, x < 0.0f);
  return select(select(large, small, a < 0.625f), x, is_nan(x));
}`,

  normal: `/* P(X <= x) of a standard normal X: erfc(|x| / sqrt 2) / 2 as t e^(g(t) - x^2 / 2), t = 1 / (1 + |x| / sqrt 8). */
fn normal(x: f32) -> f32 {
  let a = abs(x) * 0.707106781f;
  let t = 1.0f / (a * 0.5f + 1.0f);
  var g = 0.1465371698f;
  g = g * t - 0.6895892024f;
  g = g * t + 1.1773762703f;
  g = g * t - 0.7237541080f;
  g = g * t - 0.0575148836f;
  g = g * t - 0.0108340793f;
  g = g * t + 0.0387195125f;
  g = g * t + 0.3857792616f;
  g = g * t + 0.9987329841f;
  g = g * t - 1.2654529810f;
  let tail = 0.5f * t * exp_(g - keep(x * x) * 0.5f);
  return select(select(tail, 1.0f - tail, x > 0.0f), x, is_nan(x));
}`,

  gelu_slope: 'fn gelu_slope(x: f32) -> f32 { return x * 0.398942280f * exp_(-0.5f * x * x) + normal(x); }',

  silu_slope: `fn silu_slope(x: f32) -> f32 {
  let s = sigmoid(x);
  return s * (x * (1.0f - s) + 1.0f);
}`,

  relu: `/* Zero for x <= 0; a NaN passes. */
fn relu(x: f32) -> f32 { return select(x, 0.0f, bitcast<u32>(x) - 0x80000000u <= 0x7f800000u); }`,

  one_minus_exp: `/* 1 - e^x for x <= 0, without cancellation near zero. */
fn one_minus_exp(x: f32) -> f32 {
  let series = -x * (1.0f + x / 2.0f * (1.0f + x / 3.0f * (1.0f + x / 4.0f * (1.0f + x / 5.0f * (1.0f + x / 6.0f * (1.0f + x / 7.0f))))));
  return select(1.0f - exp_(x), series, x > -0.5f);
}`,

  random_word: `/*
 * Threefry-2x32 with 20 rounds (Salmon et al. 2011): counter (index / 2, step), and of the two words the one with the index's parity.
 */
fn random_word(key0: u32, key1: u32, index: u32, step: u32) -> u32 {
  let key2 = 0x1bd11bdau ^ key0 ^ key1;
  var s = vec2u((index >> 1u) + key0, step + key1);
  s = four_rounds(s, vec4u(13u, 15u, 26u, 6u)) + vec2u(key1, key2 + 1u);
  s = four_rounds(s, vec4u(17u, 29u, 16u, 24u)) + vec2u(key2, key0 + 2u);
  s = four_rounds(s, vec4u(13u, 15u, 26u, 6u)) + vec2u(key0, key1 + 3u);
  s = four_rounds(s, vec4u(17u, 29u, 16u, 24u)) + vec2u(key1, key2 + 4u);
  s = four_rounds(s, vec4u(13u, 15u, 26u, 6u)) + vec2u(key2, key0 + 5u);
  return select(s.x, s.y, (index & 1u) == 1u);
}`,

  four_rounds: `fn four_rounds(start: vec2u, turns: vec4u) -> vec2u {
  var a = start.x;
  var b = start.y;
  for (var k = 0u; k < 4u; k++) {
    a += b;
    b = ((b << turns[k]) | (b >> (32u - turns[k]))) ^ a;
  }
  return vec2u(a, b);
}`,

  dropout: `/* x * factor where the element's uniform 24-bit number is at least threshold, else zero. */
fn dropout(x: f32, key0: u32, key1: u32, step: u32, index: u32, threshold: u32, factor: f32) -> f32 {
  return select(0.0f, x * factor, (random_word(key0, key1, index, step) >> 8u) >= threshold);
}`,
};

/** The helpers that a text calls, and those that they call, in the order of the table. */
export function helpersFor(text: string): string {
  const names = Object.keys(HELPERS);
  const found = new Set<string>();
  const visit = (source: string) => {
    for (const name of names) {
      if (found.has(name) || !new RegExp(`\\b${name}\\(`).test(source)) continue;
      found.add(name);
      visit(HELPERS[name]!);
    }
  };
  visit(text);
  return names
    .filter((name) => found.has(name))
    .map((name) => HELPERS[name]!)
    .join('\n');
}
