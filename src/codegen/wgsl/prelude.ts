import type { FormulaFunction } from '../formula/expression.js';
import { FUNCTIONS } from '../formula/functions.js';
import { renderFunction } from '../formula/render.js';
import type { HelperName, HelperText } from '../gpu/helper.js';
import { SUMS } from './prelude-sums.js';
import { type Uses, WgslRenderer } from './render.js';

/**
 * Functions that kernels take by name. What WGSL leaves to the driver (accuracy of exp, log and tanh, rounding to f16 inside a kernel, NaN
 * in comparisons) is written out, here or in the kernel language, in operations that every driver computes alike.
 */
const HELPERS: Readonly<Record<HelperName, HelperText>> = {
  opaque: () => `/* Zero, which the compiler cannot know: bits that went through it are rounded where they are. */
var<private> opaque: u32;`,

  ...SUMS,

  inf: (take) => `fn inf() -> f32 { return bitcast<f32>(0x7f800000u | ${take('opaque')}); }`,

  is_nan: () => 'fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }',

  larger: (take) => `/* The larger one, or NaN where one of them is. */
fn larger(a: f32, b: f32) -> f32 { return select(a, b, !${take('is_nan')}(a) && (b > a || ${take('is_nan')}(b))); }`,

  is_finite: () => 'fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }',

  keep: (take) => `/* x, where no fused multiply-add may swallow its rounding. */
fn keep(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ ${take('opaque')}); }`,

  round_f16:
    () => `/* The nearest f16, ties to even, in integers: a driver may skip f32(f16(x)). Below 2^-14 the ulp is that of 0.5 in f32. */
fn round_f16(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  let rounded = (magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) & 0xffffe000u;
  let large = select(rounded, 0x7f800000u, rounded >= 0x47800000u);
  let small = bitcast<u32>(f32(bitcast<u32>(bitcast<f32>(magnitude) + 0.5f) - 0x3f000000u) * 0x1p-24f);
  let result = select(large, small, magnitude < 0x38800000u);
  return bitcast<f32>(select(result | (bits & 0x80000000u), bits, magnitude > 0x7f800000u));
}`,

  is_positive_or_nan: () => `/* Not x <= 0: in integers, since a driver may take it that there are no NaNs. */
fn is_positive_or_nan(x: f32) -> bool { return bitcast<u32>(x) - 0x80000000u > 0x7f800000u; }`,

  random_word: (take) => `/*
 * Threefry-2x32 with 20 rounds (Salmon et al. 2011): counter (index / 2, step), and of the two words the one with the index's parity.
 */
fn random_word(key0: u32, key1: u32, index: u32, step: u32) -> u32 {
  let key2 = 0x1bd11bdau ^ key0 ^ key1;
  var s = vec2u((index >> 1u) + key0, step + key1);
  s = ${take('four_rounds')}(s, vec4u(13u, 15u, 26u, 6u)) + vec2u(key1, key2 + 1u);
  s = ${take('four_rounds')}(s, vec4u(17u, 29u, 16u, 24u)) + vec2u(key2, key0 + 2u);
  s = ${take('four_rounds')}(s, vec4u(13u, 15u, 26u, 6u)) + vec2u(key0, key1 + 3u);
  s = ${take('four_rounds')}(s, vec4u(17u, 29u, 16u, 24u)) + vec2u(key1, key2 + 4u);
  s = ${take('four_rounds')}(s, vec4u(13u, 15u, 26u, 6u)) + vec2u(key2, key0 + 5u);
  return select(s.x, s.y, (index & 1u) == 1u);
}`,

  four_rounds: () => `fn four_rounds(start: vec2u, turns: vec4u) -> vec2u {
  var a = start.x;
  var b = start.y;
  for (var k = 0u; k < 4u; k++) {
    a += b;
    b = ((b << turns[k]) | (b >> (32u - turns[k]))) ^ a;
  }
  return vec2u(a, b);
}`,
};

/** A helper or a function of the kernel language, with what its text takes. */
interface Part {
  readonly text: string;
  readonly takes: readonly (HelperName | FormulaFunction)[];
}

const PARTS = new Map<HelperName | FormulaFunction, Part>();

function partOf(key: HelperName | FormulaFunction): Part {
  const known = PARTS.get(key);
  if (known !== undefined) return known;
  const takes = new Set<HelperName | FormulaFunction>();
  const uses: Uses = {
    helper: (name) => {
      takes.add(name);
      return name;
    },
    call: (callee) => takes.add(callee),
  };
  const text = typeof key === 'string' ? HELPERS[key](uses.helper) : renderFunction(new WgslRenderer(uses), key);
  const part = { text, takes: [...takes] };
  PARTS.set(key, part);
  return part;
}

/** What the texts of one shader take of helpers and of functions of the kernel language, and what those take in turn. */
export class Prelude implements Uses {
  readonly #taken = new Set<HelperName | FormulaFunction>();

  helper = (name: HelperName): string => {
    this.#take(name);
    return name;
  };

  call = (callee: FormulaFunction): void => this.#take(callee);

  has(name: HelperName): boolean {
    return this.#taken.has(name);
  }

  /** Their texts, in one order in all shaders. */
  get text(): string {
    const order = [...(Object.keys(HELPERS) as HelperName[]), ...FUNCTIONS];
    return order.flatMap((key) => (this.#taken.has(key) ? [partOf(key).text] : [])).join('\n');
  }

  #take(key: HelperName | FormulaFunction): void {
    if (this.#taken.has(key)) return;
    this.#taken.add(key);
    for (const other of partOf(key).takes) this.#take(other);
  }
}
