/**
 * Sums beyond f32: a vector's lanes as doubles. What f32 lanes add up for a while moves over into them, so that the rounding of a long sum
 * is that of its short pieces, however many there are.
 */
export const SUMS = String.raw`
typedef float vq __attribute__((vector_size(2 * LANES)));
typedef double vd __attribute__((vector_size(4 * LANES)));
/* All lanes as doubles: the first half of them, and the second. */
typedef struct { vd low, high; } vw;

INLINE vw vw_of(vf a) {
#if defined(__AVX512DQ__) && LANES == 16
  const __m512 v = (__m512)a;
  return (vw){(vd)_mm512_cvtps_pd(_mm512_castps512_ps256(v)), (vd)_mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1))};
#elif defined(__AVX2__) && LANES == 8
  const __m256 v = (__m256)a;
  return (vw){(vd)_mm256_cvtps_pd(_mm256_castps256_ps128(v)), (vd)_mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
#else
  vq half[2];
  __builtin_memcpy(half, &a, sizeof a);
  return (vw){__builtin_convertvector(half[0], vd), __builtin_convertvector(half[1], vd)};
#endif
}

/* Rounded to f32. */
INLINE vf vw_round(vw a) {
  const vq half[2] = {__builtin_convertvector(a.low, vq), __builtin_convertvector(a.high, vq)};
  vf r;
  __builtin_memcpy(&r, half, sizeof r);
  return r;
}

INLINE vw vw_add(vw a, vf b) {
  const vw wide = vw_of(b);
  return (vw){a.low + wide.low, a.high + wide.high};
}

/* The sum of squares: exact products, which no f32 overflows. */
INLINE vw vw_add_square(vw a, vf b) {
  const vw wide = vw_of(b);
  return (vw){a.low + wide.low * wide.low, a.high + wide.high * wide.high};
}

INLINE vw vw_minus(vw a, vw b) { return (vw){a.low - b.low, a.high - b.high}; }
INLINE vw vw_mul(vw a, vw b) { return (vw){a.low * b.low, a.high * b.high}; }
INLINE vw vw_times(vw a, double b) { return (vw){a.low * b, a.high * b}; }
INLINE vw vw_plus(vw a, vw b) { return (vw){a.low + b.low, a.high + b.high}; }

/* The norm from a sum of squares: of numbers that are all finite, the largest f32 rather than an infinity. */
INLINE float norm_f32(double squares) {
  const double norm = sqrt(squares);
  return norm > FLT_MAX && norm <= DBL_MAX ? FLT_MAX : (float)norm;
}

/* Over the lanes, always in the same order. */
INLINE double vw_sum(vw a) {
  double r = 0.0;
  for (int i = 0; i < LANES / 2; i++) r += a.low[i] + a.high[i];
  return r;
}

INLINE vw load_vw(const double *p) {
  vw v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store_vw(double *p, vw v) { __builtin_memcpy(p, &v, sizeof v); }

/* Sums of the deviations of some rows from the first of them, and of their squares. */
typedef struct { vw first, sum, squares; } moments;

INLINE void moments_add(moments *m, vf a, int first) {
  const vw wide = vw_of(a);
  if (first) m->first = wide;
  const vw deviation = vw_minus(wide, m->first);
  m->sum = vw_plus(m->sum, deviation);
  m->squares = vw_plus(m->squares, vw_mul(deviation, deviation));
}

/* The mean of the rows, and the sum of their squared deviations from it. */
INLINE void store_moments(double *p, int64_t pitch, moments m, double rows) {
  const vw mean = vw_times(m.sum, 1.0 / rows);
  store_vw(p, vw_plus(m.first, mean));
  store_vw(p + pitch, vw_minus(m.squares, vw_mul(m.sum, mean)));
}
`;
