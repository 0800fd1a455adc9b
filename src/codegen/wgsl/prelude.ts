import { FUNCTIONS } from '../formula/functions.js';
import { renderFunction } from '../formula/render.js';
import { SUMS } from './prelude-sums.js';
import { WGSL_RENDERER } from './render.js';

const FUNCTIONS_BY_NAME = Object.fromEntries(
  FUNCTIONS.filter(({ only }) => only !== 'double').map((callee) => [
    WGSL_RENDERER.nameOf(callee, 'element'),
    renderFunction(WGSL_RENDERER, callee),
  ]),
);

/**
 * Functions that kernels take by name. What WGSL leaves to the driver (accuracy of exp, log and tanh, rounding to f16 inside a kernel, NaN
 * in comparisons) is written out, here or in the kernel language, in operations that every driver computes alike.
 */
const HELPERS: Readonly<Record<string, string>> = {
  ...SUMS,

  inf: 'fn inf() -> f32 { return bitcast<f32>(0x7f800000u | opaque); }',

  is_nan: 'fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }',

  larger: `/* The larger one, or NaN where one of them is. */
fn larger(a: f32, b: f32) -> f32 { return select(a, b, !is_nan(a) && (b > a || is_nan(b))); }`,

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

  is_positive_or_nan: `/* Not x <= 0: in integers, since a driver may take it that there are no NaNs. */
fn is_positive_or_nan(x: f32) -> bool { return bitcast<u32>(x) - 0x80000000u > 0x7f800000u; }`,

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

  ...FUNCTIONS_BY_NAME,
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
