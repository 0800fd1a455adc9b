import { POOL_ROUNDINGS } from './pool-rounding.js';

/** Lanes of the low (or high) halves of two vectors in turn: a0 b0 a1 b1 ... */
function interleaved(lanes: number, high: boolean): string {
  return Array.from({ length: lanes }, (_, i) => (i >> 1) + (high ? lanes / 2 : 0) + (i % 2) * lanes).join(', ');
}

/** Swaps rows and columns of LANES vectors: as many rounds of interleaving as the lane number has bits. */
export function transposition(lanes: number): string {
  return `
INLINE void transpose(vf *rows) {
  vf next[LANES];
  for (int bits = 1; bits < LANES; bits *= 2) {
    for (int i = 0; i < LANES / 2; i++) {
      const vf a = rows[i], b = rows[i + LANES / 2];
#if defined(__has_builtin) && (defined(__clang__) || __GNUC__ >= 12)
      next[2 * i] = __builtin_shufflevector(a, b, ${interleaved(lanes, false)});
      next[2 * i + 1] = __builtin_shufflevector(a, b, ${interleaved(lanes, true)});
#else
      for (int j = 0; j < LANES / 2; j++) {
        next[2 * i][2 * j] = a[j], next[2 * i][2 * j + 1] = b[j];
        next[2 * i + 1][2 * j] = a[j + LANES / 2], next[2 * i + 1][2 * j + 1] = b[j + LANES / 2];
      }
#endif
    }
    for (int i = 0; i < LANES; i++) rows[i] = next[i];
  }
}
`;
}

/** Helpers of the contraction kernels: vectors of 32-bit pairs of bf16, and their dot product. */
export const CONTRACTIONS = String.raw`
INLINE vu load_vu(const uint32_t *p) {
  vu v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
/* Bytes widened to 16 bits. */
INLINE vh load_h_u8(const uint8_t *p) { return __builtin_convertvector(load_b(p), vh); }
INLINE vh load_h_u8_part(const uint8_t *p, int64_t n) { return __builtin_convertvector(load_b_part(p, n), vh); }

INLINE void store_vu(uint32_t *p, vu v) { __builtin_memcpy(p, &v, sizeof v); }
INLINE void store_vu_part(uint32_t *p, vu v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
}

/* Takes v where it is larger than the best so far, or the first NaN; which is the place of the best. */
INLINE void pool_step(vf *best, vf *which, vf v, float place) {
#if defined(__AVX512F__) && LANES == 16
  __mmask16 wins = _mm512_cmp_ps_mask((__m512)v, (__m512)*best, _CMP_NLE_UQ);
  wins = _mm512_mask_cmp_ps_mask(wins, (__m512)*best, (__m512)*best, _CMP_ORD_Q);
  *best = (vf)_mm512_mask_mov_ps((__m512)*best, wins, (__m512)v);
  *which = (vf)_mm512_mask_mov_ps((__m512)*which, wins, _mm512_set1_ps(place));
#else
  const vi wins = ~(v <= *best) & (*best == *best);
  *best = vf_select(wins, v, *best);
  *which = vf_select(wins, vf_set(place), *which);
#endif
}

/* Whether no lane is infinite or NaN. */
INLINE int vf_all_finite(vf a) {
#if defined(__AVX512DQ__) && LANES == 16
  return _mm512_fpclass_ps_mask((__m512)a, 0x99) == 0;
#else
  return vi_all(vf_is_finite(a));
#endif
}

${POOL_ROUNDINGS}
/* The largest of four that are not NaN. */
INLINE vf vf_top4(vf a, vf b, vf c, vf d) {
#if defined(__AVX512F__) && LANES == 16
  const __m512 low = _mm512_max_ps((__m512)a, (__m512)b), high = _mm512_max_ps((__m512)c, (__m512)d);
  return (vf)_mm512_max_ps(low, high);
#else
  const vf low = vf_select(a > b, a, b), high = vf_select(c > d, c, d);
  return vf_select(low > high, low, high);
#endif
}

/* Whether none of the four is NaN, and their rounded maximum neither that nor a zero. */
INLINE int pool_is_plain(vf a, vf b, vf c, vf d, vf top) {
  const vf least = vf_set(0x1p-120f);
#if defined(__AVX512F__) && LANES == 16
  const __mmask16 nan = _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_UNORD_Q) | _mm512_cmp_ps_mask((__m512)c, (__m512)d, _CMP_UNORD_Q);
  return (nan | _mm512_cmp_ps_mask((__m512)vf_abs(top), (__m512)least, _CMP_NGE_UQ)) == 0;
#else
  return vi_all((a == a) & (b == b) & (c == c) & (d == d) & (vf_abs(top) >= least));
#endif
}

/* The first of the four that is not below floor, as a number from 0 to 3. */
INLINE vf pool_place(vf a, vf b, vf c, vf d, vf floor) {
  (void)d;
#if defined(__AVX512F__) && LANES == 16
  const __m512 bound = (__m512)floor;
  __m512 which = _mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)c, bound, _CMP_LT_OQ), _mm512_set1_ps(2.0f), _mm512_set1_ps(3.0f));
  which = _mm512_mask_mov_ps(which, _mm512_cmp_ps_mask((__m512)b, bound, _CMP_NLT_UQ), _mm512_set1_ps(1.0f));
  return (vf)_mm512_maskz_mov_ps(_mm512_cmp_ps_mask((__m512)a, bound, _CMP_LT_OQ), which);
#else
  vf which = vf_select(c < floor, vf_set(3.0f), vf_set(2.0f));
  which = vf_select(b < floor, which, vf_set(1.0f));
  return vf_select(a < floor, which, vf_set(0.0f));
#endif
}

/* Two bf16 a lane: low in the lower half. */
INLINE vu pair_up(vh low, vh high) { return __builtin_convertvector(low, vu) | __builtin_convertvector(high, vu) << 16; }

#if defined(__AVX512BF16__) && LANES == 16
/*
 * The pair at p in every lane. Left to itself, gcc carries pairs from one step of the sum to the next in scalar registers, which is slower.
 */
INLINE vu broadcast_pair(const uint16_t *p) {
  vu v;
  __asm__("vpbroadcastd %1, %0" : "=v"(v) : "m"(*(const uint32_t *)p));
  return v;
}
INLINE vu load_vu_part(const uint32_t *p, int64_t n) { return (vu)_mm512_maskz_loadu_epi32(LANE_MASK(n), p); }
/* Bytes widened to 16 bits, two a lane. */
INLINE vu load_vu_u8(const uint8_t *p) { return (vu)_mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)p)); }
INLINE vu load_vu_u8_part(const uint8_t *p, int64_t n) { return (vu)_mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8((1u << n) - 1u, p)); }
/* The halves of value where those of place are q, else zero. */
INLINE vu halves_where(vu place, int q, vu value) {
  return (vu)_mm512_maskz_mov_epi16(_mm512_cmpeq_epi16_mask((__m512i)place, _mm512_set1_epi16((short)q)), (__m512i)value);
}
/* sum + a.low * b.low + a.high * b.high */
INLINE vf dot_pairs(vf sum, vu a, vu b) { return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b); }
#endif
`;
