import { FUNCTIONS } from '../formula/functions.js';
import { renderFunction } from '../formula/render.js';
import { DEVICE_PRELUDE } from './prelude-device.js';
import { CUDA_RENDERER } from './render.js';

/** What the operations of formulas, and the shared kernels, call by name. */
const HELPERS = String.raw`
/* A number of 16 bits in memory, which is computed with in f32: rounded to nearest, ties to even. */
struct f16 {
  u16 code;
  f16() = default;
  MEMBER explicit f16(f32 x) : code(f16_code(x)) {}
  MEMBER explicit operator f32() const { return f16_value(code); }
};
struct bf16 {
  u16 code;
  bf16() = default;
  MEMBER explicit bf16(f32 x) : code(bf16_code(x)) {}
  MEMBER explicit operator f32() const { return from_bits(u32(code) << 16u); }
};
DEVICE f32 round_f16(f32 x) { return f16_value(f16_code(x)); }
DEVICE f32 round_bf16(f32 x) { return from_bits(u32(bf16_code(x)) << 16u); }

struct vec2f {
  f32 x, y;
  vec2f() = default;
  MEMBER vec2f(f32 a, f32 b) : x(a), y(b) {}
};
struct vec3f {
  f32 x, y, z;
  vec3f() = default;
  MEMBER vec3f(f32 a, f32 b, f32 c) : x(a), y(b), z(c) {}
};
struct vec4f {
  f32 of[4];
  MEMBER vec4f(f32 a, f32 b, f32 c, f32 d) : of{a, b, c, d} {}
  MEMBER f32 operator[](u32 i) const { return of[i]; }
};

template <class T> DEVICE T select(T no, T yes, bool when) { return when ? yes : no; }
template <class T> DEVICE T min(T a, T b) { return b < a ? b : a; }
template <class T> DEVICE T max(T a, T b) { return a < b ? b : a; }
DEVICE f32 clamp(f32 x, f32 low, f32 high) { return min(max(x, low), high); }
DEVICE f32 magnitude(f32 x) { return from_bits(bits(x) & 0x7fffffffu); }
DEVICE f32 inf() { return from_bits(0x7f800000u); }
DEVICE bool is_nan(f32 x) { return (bits(x) & 0x7fffffffu) > 0x7f800000u; }
DEVICE bool is_finite(f32 x) { return (bits(x) & 0x7f800000u) != 0x7f800000u; }
DEVICE bool is_positive_or_nan(f32 x) { return bits(x) - 0x80000000u > 0x7f800000u; }
/* The larger one, or NaN where one of them is. */
DEVICE f32 larger(f32 a, f32 b) { return !is_nan(a) && (b > a || is_nan(b)) ? b : a; }
/* Nothing is contracted: every number is rounded where it stands. */
DEVICE f32 keep(f32 x) { return x; }

/* s + x, where s is a sum and what its additions rounded off: s.x is the sum, s.y is the sum of the errors (Knuth 1969). */
DEVICE vec2f add_term(vec2f s, f32 x) {
  const f32 sum = s.x + x;
  const f32 part = sum - s.x;
  return vec2f(sum, s.y + ((s.x - (sum - part)) + (x - part)));
}
DEVICE vec2f add_pair(vec2f s, vec2f t) {
  const vec2f sum = add_term(s, t.x);
  return vec2f(sum.x, sum.y + t.y);
}
DEVICE f32 sum_of(vec2f s) { return is_finite(s.y) ? s.x + s.y : s.x; }
/* The sum s of n terms by n: a quotient, and what it leaves of the sum. */
DEVICE f32 mean_of(vec2f s, f32 n) {
  const f32 q = sum_of(s) / n;
  const f32 rest = fma(-q, n, s.x) + s.y;
  return is_finite(rest) ? q + rest / n : q;
}
/*
 * x^2 in one of three sums, so that none overflows or vanishes (Blue 1978): of large numbers, times 2^-176; of middle ones; of small ones,
 * times 2^172. Infinities and NaNs are large.
 */
DEVICE vec3f squares_of(f32 x) {
  const u32 size = bits(x) & 0x7fffffffu;
  const bool is_large = size >= 0x58800000u;
  const bool is_small = size < 0x26800000u;
  const f32 scaled = x * (is_large ? 0x1p-88f : is_small ? 0x1p86f : 1.0f);
  const f32 square = scaled * scaled;
  return is_large ? vec3f(square, 0.0f, 0.0f) : is_small ? vec3f(0.0f, 0.0f, square) : vec3f(0.0f, square, 0.0f);
}
/* The root of three such sums together; of finite numbers at most the largest f32. */
DEVICE f32 norm_of(f32 large, f32 middle, f32 small) {
  if (large != 0.0f) {
    const f32 whole = root(large + middle * 0x1p-88f * 0x1p-88f);
    return whole >= 0x1p40f && is_finite(large) ? 0x1.fffffep127f : whole * 0x1p88f;
  }
  if (middle != 0.0f) return root(middle + small * 0x1p-86f * 0x1p-86f);
  return root(small) * 0x1p-86f;
}

/* Where a block of a part of a kernel is among its others. */
struct block_place { u32 x, y; };

/*
 * Whether this block is the last of so many to come here: then it sees what the others have written. All of its threads call it;
 * "arrived" is 0 before and behind, "number" is theirs together.
 */
template <u32 THREADS> DEVICE bool last_of_blocks(u32 *arrived, u32 blocks, u32 *number) {
  barrier<THREADS>();
  if (thread_of_block() == 0u) {
    fence();
    *number = add_atomic(arrived, 1u);
    fence();
  }
  barrier<THREADS>();
  if (*number + 1u < blocks) return false;
  if (thread_of_block() == 0u) *arrived = 0u;
  return true;
}

/* What the lanes of a warp come to together, in one order; every lane has it. */
DEVICE vec2f sum_of_lanes(vec2f s) {
  const u32 lane = thread_of_block() % 32u;
  for (u32 width = 16u; width > 0u; width /= 2u) {
    const u32 other = (lane + width) % 32u;
    const f32 x = shuffle(s.x, other), y = shuffle(s.y, other);
    s = add_pair(s, vec2f(x, y));
  }
  const f32 x = shuffle(s.x, 0u), y = shuffle(s.y, 0u);
  return vec2f(x, y);
}
DEVICE f32 largest_of_lanes(f32 x) {
  const u32 lane = thread_of_block() % 32u;
  for (u32 width = 16u; width > 0u; width /= 2u) x = max(x, shuffle(x, lane ^ width));
  return x;
}
DEVICE void first_of_lanes(f32 &largest, i32 &column) {
  const u32 lane = thread_of_block() % 32u;
  for (u32 width = 16u; width > 0u; width /= 2u) {
    const f32 x = shuffle(largest, lane ^ width);
    const i32 at = i32(bits(shuffle(from_bits(u32(column)), lane ^ width)));
    const bool none = at < 0 || column < 0;
    const bool takes = x > largest || (x == largest && at < column);
    column = none ? -1 : takes ? at : column;
    largest = takes ? x : largest;
  }
}

DEVICE void four_rounds(u32 &a, u32 &b, u32 t0, u32 t1, u32 t2, u32 t3) {
  a += b, b = (b << t0 | b >> (32u - t0)) ^ a;
  a += b, b = (b << t1 | b >> (32u - t1)) ^ a;
  a += b, b = (b << t2 | b >> (32u - t2)) ^ a;
  a += b, b = (b << t3 | b >> (32u - t3)) ^ a;
}
/* Threefry-2x32 with 20 rounds (Salmon et al. 2011): counter (index / 2, step), and of the two words the one with the index's parity. */
DEVICE u32 random_word(u32 key0, u32 key1, u32 index, u32 step) {
  const u32 key2 = 0x1bd11bdau ^ key0 ^ key1;
  u32 a = (index >> 1u) + key0, b = step + key1;
  four_rounds(a, b, 13u, 15u, 26u, 6u), a += key1, b += key2 + 1u;
  four_rounds(a, b, 17u, 29u, 16u, 24u), a += key2, b += key0 + 2u;
  four_rounds(a, b, 13u, 15u, 26u, 6u), a += key0, b += key1 + 3u;
  four_rounds(a, b, 17u, 29u, 16u, 24u), a += key1, b += key2 + 4u;
  four_rounds(a, b, 13u, 15u, 26u, 6u), a += key2, b += key0 + 5u;
  return (index & 1u) == 1u ? b : a;
}

/*
 * Where a group of eight codes lies in a tile with that many groups a row, in codes: eight rows of one group lie in different banks.
 */
template <u32 GROUPS> DEVICE u32 place(u32 row, u32 group) {
  const u32 turn = GROUPS >= 8u ? row & 7u : row / (8u / GROUPS) & (GROUPS - 1u);
  return (row * GROUPS + (group ^ turn)) * 8u;
}
`.trim();

const ours = FUNCTIONS.filter((callee) => callee.only !== 'double');

/** What every file begins with, in namespace `ampc`, which the file closes. */
export const PRELUDE = [DEVICE_PRELUDE, HELPERS, ...ours.map((callee) => renderFunction(CUDA_RENDERER, callee))].join('\n\n');
