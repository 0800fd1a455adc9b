import { FUNCTIONS } from '../formula/functions.js';
import { renderFunction } from '../formula/render.js';
import { C_RENDERER } from './render.js';

/** What functions of the kernel language take by name, and the counter-based generator. */
const OPERATIONS = String.raw`
INLINE vf vf_clamp(vf x, vf low, vf high) {
#if defined(__AVX512F__) && LANES == 16
  /* Of a NaN and a number these give their second operand. */
  return (vf)_mm512_min_ps((__m512)high, _mm512_max_ps((__m512)low, (__m512)x));
#else
  return vf_select(x < low, low, vf_select(x > high, high, x));
#endif
}

/* The nearest integer to |x| < 2^22: that many units in the last place of 1.5 * 2^23. */
INLINE vi vi_nearest(vf x) {
  const vf magic = vf_set(0x1.8p23f);
  return (vi)(vf_keep(x) + magic) - (vi)magic;
}

/* A magnitude with the sign of x. */
INLINE vf vf_with_sign(vf magnitude, vf x) { return (vf)((vi)magnitude | ((vi)x & vi_set((int32_t)0x80000000u))); }

#define ROTATE(x, n) (((x) << (n)) | ((x) >> (32 - (n))))

/*
 * Threefry-2x32 with 20 rounds (Salmon et al. 2011) of one counter pair a lane. Lane i belongs to element index + i: counter
 * (element / 2, step), and of the two words the one with the element's parity.
 */
INLINE vu random_words(uint32_t key0, uint32_t key1, int64_t index, uint32_t step) {
  vu element = vu_set((uint32_t)(index & 1)) + (vu)vi_lanes();
  uint32_t key2 = 0x1bd11bdau ^ key0 ^ key1;
  vu x = vu_set((uint32_t)(index >> 1)) + (element >> 1) + vu_set(key0);
  vu y = vu_set(step + key1);
#define FOUR_ROUNDS(a, b, c, d) \
  x += y; y = ROTATE(y, a) ^ x; x += y; y = ROTATE(y, b) ^ x; \
  x += y; y = ROTATE(y, c) ^ x; x += y; y = ROTATE(y, d) ^ x;
  FOUR_ROUNDS(13, 15, 26, 6)
  x += vu_set(key1); y += vu_set(key2 + 1);
  FOUR_ROUNDS(17, 29, 16, 24)
  x += vu_set(key2); y += vu_set(key0 + 2);
  FOUR_ROUNDS(13, 15, 26, 6)
  x += vu_set(key0); y += vu_set(key1 + 3);
  FOUR_ROUNDS(17, 29, 16, 24)
  x += vu_set(key1); y += vu_set(key2 + 4);
  FOUR_ROUNDS(13, 15, 26, 6)
  x += vu_set(key2); y += vu_set(key0 + 5);
#undef FOUR_ROUNDS
  return (vu)vi_select((vi)(-(element & vu_set(1))), (vi)y, (vi)x);
}
`;

const ours = FUNCTIONS.filter((callee) => callee.only !== 'single');

/** Functions of the kernel language, in C. */
export const MATH = `${OPERATIONS}\n${ours.map((callee) => renderFunction(C_RENDERER, callee)).join('\n\n')}\n`;
