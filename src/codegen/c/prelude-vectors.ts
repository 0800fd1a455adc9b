/** Vectors of f32 lanes through the compiler's vector types: what is computed of them, lane by lane or over the lanes. */
export const VECTORS = String.raw`
#define INLINE static inline __attribute__((always_inline, unused))

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef uint16_t vh __attribute__((vector_size(2 * LANES)));
typedef uint8_t vb __attribute__((vector_size(LANES)));

INLINE vf vf_set(float x) { return x - (vf){0}; }
INLINE vi vi_set(int32_t x) { return x - (vi){0}; }
INLINE vu vu_set(uint32_t x) { return x - (vu){0}; }

/* Lane numbers: 0, 1, 2, ... */
INLINE vi vi_lanes(void) {
  vi r;
  for (int i = 0; i < LANES; i++) r[i] = i;
  return r;
}

/* mask (all ones or zeros a lane) ? a : b */
INLINE vf vf_select(vi mask, vf a, vf b) { return (vf)(((vi)a & mask) | ((vi)b & ~mask)); }
INLINE vi vi_select(vi mask, vi a, vi b) { return (a & mask) | (b & ~mask); }
INLINE vf vf_and(vi mask, vf a) { return (vf)((vi)a & mask); }
INLINE vf vf_abs(vf a) { return (vf)((vi)a & vi_set(0x7fffffff)); }
INLINE vi vf_is_finite(vf a) { return ((vi)a & vi_set(0x7f800000)) != vi_set(0x7f800000); }

/* a * b + c, rounded once where the processor can. */
INLINE vf vf_fma(vf a, vf b, vf c) {
#if defined(__AVX512F__) && LANES == 16
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__) && LANES == 8
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__) && LANES == 4
  return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

INLINE vf vf_sqrt(vf a) {
#if defined(__AVX512F__) && LANES == 16
  return (vf)_mm512_sqrt_ps((__m512)a);
#elif defined(__AVX2__) && LANES == 8
  return (vf)_mm256_sqrt_ps((__m256)a);
#elif defined(__aarch64__) && LANES == 4
  return (vf)vsqrtq_f32((float32x4_t)a);
#elif defined(__SSE2__) && LANES == 4
  return (vf)_mm_sqrt_ps((__m128)a);
#else
  for (int i = 0; i < LANES; i++) a[i] = sqrtf(a[i]);
  return a;
#endif
}

/* A product that the plan rounds to f32: keeps the compiler from contracting it with an addition of the next node. */
INLINE vf vf_keep(vf a) {
#if defined(__x86_64__)
  __asm__("" : "+x"(a));
#elif defined(__aarch64__)
  __asm__("" : "+w"(a));
#else
  __asm__("" : "+m"(a));
#endif
  return a;
}

/* The first n lanes of a, fill in the others. */
INLINE vf vf_first(vf a, int64_t n, float fill) { return vf_select(vi_lanes() < vi_set((int32_t)n), a, vf_set(fill)); }

/* The larger; NaN when either is. */
INLINE vf vf_max(vf a, vf b) { return vf_select((a > b) | (a != a), a, b); }

/* Sums and maxima over the lanes, always in the same order. */
INLINE float vf_sum(vf a) {
  float r = 0.0f;
  for (int i = 0; i < LANES; i++) r += a[i];
  return r;
}

INLINE int vi_all(vi mask) {
#if defined(__AVX2__) && LANES == 8
  return _mm256_movemask_ps((__m256)mask) == 0xff;
#elif defined(__aarch64__) && LANES == 4
  return vminvq_u32((uint32x4_t)mask) != 0;
#else
  int32_t r = -1;
  for (int i = 0; i < LANES; i++) r &= mask[i];
  return r != 0;
#endif
}

INLINE int32_t vi_min_lane(vi a) {
  int32_t r = a[0];
  for (int i = 1; i < LANES; i++) r = a[i] < r ? a[i] : r;
  return r;
}

INLINE float vf_max_lane(vf a) {
  float r = a[0];
  for (int i = 1; i < LANES; i++) r = a[i] > r || a[i] != a[i] ? a[i] : r;
  return r;
}
`;
