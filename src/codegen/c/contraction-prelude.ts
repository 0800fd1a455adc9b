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

/* Two bf16 a lane: low in the lower half. */
INLINE vu pair_up(vh low, vh high) { return __builtin_convertvector(low, vu) | __builtin_convertvector(high, vu) << 16; }

#if defined(__AVX512BF16__) && LANES == 16
/* sum + a.low * b.low + a.high * b.high */
INLINE vf dot_pairs(vf sum, vu a, vu b) { return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b); }
#endif
`;
