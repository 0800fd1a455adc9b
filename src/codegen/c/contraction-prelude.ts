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

/* Two bf16 a lane: low in the lower half. */
INLINE vu pair_up(vh low, vh high) { return __builtin_convertvector(low, vu) | __builtin_convertvector(high, vu) << 16; }

#if defined(__AVX512BF16__) && LANES == 16
/* sum + a.low * b.low + a.high * b.high */
INLINE vf dot_pairs(vf sum, vu a, vu b) { return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b); }
#endif
`;
