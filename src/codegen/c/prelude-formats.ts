/**
 * Loads and stores of vectors in every format (whole, or the first n lanes: the others load as zero and are not stored), and the rounding
 * of f16 and bf16: nearest even, subnormals kept, overflow to infinity, NaN kept.
 */
export const FORMATS = String.raw`
/* f16: one sign, five exponent, ten fraction bits. */
INLINE float f16_to_f32(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, magnitude = h & 0x7fffu, bits;
  float r;
  if (magnitude >= 0x7c00u) {
    bits = sign | 0x7f800000u | (magnitude & 0x3ffu) << 13 | (magnitude > 0x7c00u ? 0x400000u : 0u);
  } else if (magnitude >= 0x400u) {
    bits = sign | ((magnitude << 13) + 0x38000000u);
  } else {
    r = (float)magnitude * 0x1p-24f;
    __builtin_memcpy(&bits, &r, 4);
    bits |= sign;
  }
  __builtin_memcpy(&r, &bits, 4);
  return r;
}

INLINE uint16_t f32_to_f16(float x) {
  uint32_t bits, sign, magnitude;
  __builtin_memcpy(&bits, &x, 4);
  sign = bits >> 16 & 0x8000u;
  magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
  if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {
    /* In [0.5, 1) a float's last place is the smallest f16 subnormal. */
    float shifted;
    __builtin_memcpy(&shifted, &magnitude, 4);
    shifted += 0.5f;
    __builtin_memcpy(&magnitude, &shifted, 4);
    return (uint16_t)(sign | (magnitude - 0x3f000000u));
  }
  return (uint16_t)(sign | ((magnitude + 0xfffu + (magnitude >> 13 & 1u) - 0x38000000u) >> 13));
}

/* bf16: the upper half of an f32. */
INLINE float bf16_to_f32(uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float r;
  __builtin_memcpy(&r, &bits, 4);
  return r;
}

INLINE uint16_t f32_to_bf16(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

INLINE vf f16_widen(vh h) {
#if defined(__AVX512F__) && LANES == 16
  return (vf)_mm512_cvtph_ps((__m256i)h);
#elif defined(__F16C__) && LANES == 8
  return (vf)_mm256_cvtph_ps((__m128i)h);
#elif defined(__aarch64__) && LANES == 4
  return (vf)vcvt_f32_f16(vreinterpret_f16_u16((uint16x4_t)h));
#else
  vf r;
  for (int i = 0; i < LANES; i++) r[i] = f16_to_f32(h[i]);
  return r;
#endif
}

INLINE vh f16_narrow(vf v) {
#if defined(__AVX512F__) && LANES == 16
  return (vh)_mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__F16C__) && LANES == 8
  return (vh)_mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__aarch64__) && LANES == 4
  return (vh)vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)v));
#else
  vh r;
  for (int i = 0; i < LANES; i++) r[i] = f32_to_f16(v[i]);
  return r;
#endif
}

/* The bf16 of each lane in its upper half. Integer arithmetic: the processor's own conversion flushes subnormals. */
INLINE vu bf16_bits(vf v) {
  vu bits = (vu)v;
  vu rounded = bits + vu_set(0x7fff) + ((bits >> 16) & vu_set(1));
  vu quiet = bits | vu_set(0x400000);
#if defined(__AVX512F__) && LANES == 16
  return (vu)_mm512_mask_mov_epi32((__m512i)rounded, _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q), (__m512i)quiet);
#else
  return (vu)vi_select(v != v, (vi)quiet, (vi)rounded);
#endif
}

INLINE vf bf16_widen(vh h) { return (vf)(__builtin_convertvector(h, vu) << 16); }
INLINE vh bf16_narrow(vf v) { return __builtin_convertvector(bf16_bits(v) >> 16, vh); }

INLINE vf round_f16(vf v) { return f16_widen(f16_narrow(v)); }
INLINE vf round_bf16(vf v) { return (vf)(bf16_bits(v) & vu_set(0xffff0000u)); }
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

INLINE vf load_f16(const uint16_t *p) { return f16_widen(load_h(p)); }
INLINE vf load_f16_part(const uint16_t *p, int64_t n) { return f16_widen(load_h_part(p, n)); }
INLINE void store_f16(uint16_t *p, vf v) { store_h(p, f16_narrow(v)); }
INLINE void store_f16_part(uint16_t *p, vf v, int64_t n) { store_h_part(p, f16_narrow(v), n); }
INLINE vf load_bf16(const uint16_t *p) { return bf16_widen(load_h(p)); }
INLINE vf load_bf16_part(const uint16_t *p, int64_t n) { return bf16_widen(load_h_part(p, n)); }
INLINE void store_bf16(uint16_t *p, vf v) { store_h(p, bf16_narrow(v)); }
INLINE void store_bf16_part(uint16_t *p, vf v, int64_t n) { store_h_part(p, bf16_narrow(v), n); }
/* Of a vector whose lanes are bf16 already. */
INLINE void store_bf16_exact(uint16_t *p, vf v) { store_h(p, __builtin_convertvector((vu)v >> 16, vh)); }
INLINE void store_bf16_exact_part(uint16_t *p, vf v, int64_t n) { store_h_part(p, __builtin_convertvector((vu)v >> 16, vh), n); }

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
