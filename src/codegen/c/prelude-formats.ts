import { HALVES, HALVES_IN_MEMORY } from './prelude-halves.js';

/**
 * Loads and stores of vectors in every format (whole, or the first n lanes: the others load as zero and are not stored), and the rounding
 * of narrow ones.
 */
export const FORMATS = String.raw`${HALVES}
INLINE vf round_f32(vf v) { return v; }

#if defined(__AVX512BW__) && defined(__AVX512VL__) && LANES == 16
#define LANE_MASK(n) ((__mmask16)((1u << (n)) - 1u))
INLINE vf load_f32_part(const float *p, int64_t n) { return (vf)_mm512_maskz_loadu_ps(LANE_MASK(n), p); }
INLINE void store_f32_part(float *p, vf v, int64_t n) { _mm512_mask_storeu_ps(p, LANE_MASK(n), (__m512)v); }
INLINE vh load_h_part(const uint16_t *p, int64_t n) { return (vh)_mm256_maskz_loadu_epi16(LANE_MASK(n), p); }
INLINE void store_h_part(uint16_t *p, vh v, int64_t n) { _mm256_mask_storeu_epi16(p, LANE_MASK(n), (__m256i)v); }
INLINE vb load_b_part(const uint8_t *p, int64_t n) { return (vb)_mm_maskz_loadu_epi8(LANE_MASK(n), p); }
INLINE void store_b_part(uint8_t *p, vb v, int64_t n) { _mm_mask_storeu_epi8(p, LANE_MASK(n), (__m128i)v); }
#else
INLINE vf load_f32_part(const float *p, int64_t n) {
  vf v = {0};
  for (int64_t i = 0; i < n; i++) v[i] = p[i];
  return v;
}
INLINE void store_f32_part(float *p, vf v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
INLINE vh load_h_part(const uint16_t *p, int64_t n) {
  vh v = {0};
  for (int64_t i = 0; i < n; i++) v[i] = p[i];
  return v;
}
INLINE void store_h_part(uint16_t *p, vh v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
INLINE vb load_b_part(const uint8_t *p, int64_t n) {
  vb v = {0};
  for (int64_t i = 0; i < n; i++) v[i] = p[i];
  return v;
}
INLINE void store_b_part(uint8_t *p, vb v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
#endif

INLINE vf load_f32(const float *p) {
  vf v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store_f32(float *p, vf v) { __builtin_memcpy(p, &v, sizeof v); }
INLINE vi load_vi(const int32_t *p) {
  vi v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
INLINE vh load_h(const uint16_t *p) {
  vh v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store_h(uint16_t *p, vh v) { __builtin_memcpy(p, &v, sizeof v); }
INLINE vb load_b(const uint8_t *p) {
  vb v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store_b(uint8_t *p, vb v) { __builtin_memcpy(p, &v, sizeof v); }

${HALVES_IN_MEMORY}

/* Bytes as numbers. */
INLINE vf b_widen(vb b) { return __builtin_convertvector(__builtin_convertvector(b, vi), vf); }
INLINE vb b_narrow(vf v) { return __builtin_convertvector(__builtin_convertvector(v, vi), vb); }
INLINE vf load_u8(const uint8_t *p) { return b_widen(load_b(p)); }
INLINE vf load_u8_part(const uint8_t *p, int64_t n) { return b_widen(load_b_part(p, n)); }
INLINE void store_u8(uint8_t *p, vf v) { store_b(p, b_narrow(v)); }
INLINE void store_u8_part(uint8_t *p, vf v, int64_t n) { store_b_part(p, b_narrow(v), n); }

INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
`;
