/**
 * Vector exp, tanh, sigmoid, softplus, the normal distribution and a counter-based generator. The polynomials were fitted to this use (Chebyshev
 * interpolation in double precision); errors are within two units in the last place, a few more in the far tail of `vf_normal`.
 */
export const MATH = String.raw`
/* e^x: x = n ln 2 + r, a polynomial in r, and two factors of two so that neither leaves the range of the exponent. */
INLINE vf vf_exp(vf x) {
  vf clamped = vf_select(x < vf_set(-104.0f), vf_set(-104.0f), vf_select(x > vf_set(89.0f), vf_set(89.0f), x));
  const vf magic = vf_set(0x1.8p23f);
  vf shifted = vf_keep(clamped * vf_set(0x1.715476p0f)) + magic;
  vi n = (vi)shifted - (vi)magic;
  vf whole = __builtin_convertvector(n, vf);
  vf r = vf_fma(whole, vf_set(-0x1.62e4p-1f), clamped);
  r = vf_fma(whole, vf_set(-0x1.7f7d1cp-20f), r);
  vf p = vf_set(1.98412698e-4f);
  p = vf_fma(p, r, vf_set(1.38888889e-3f));
  p = vf_fma(p, r, vf_set(8.33333333e-3f));
  p = vf_fma(p, r, vf_set(4.16666667e-2f));
  p = vf_fma(p, r, vf_set(1.66666667e-1f));
  p = vf_fma(p, r, vf_set(0.5f));
  p = vf_fma(p, r, vf_set(1.0f));
  p = vf_fma(p, r, vf_set(1.0f));
  vi half = n >> 1;
  vf low = (vf)((half + vi_set(127)) << 23);
  vf high = (vf)((n - half + vi_set(127)) << 23);
  return vf_select(x != x, x, p * low * high);
}

INLINE vf vf_sigmoid(vf x) { return vf_set(1.0f) / (vf_set(1.0f) + vf_exp(-x)); }

/* ln(1 + e^x) = max(x, 0) + ln(1 + u), u = e^-|x|; the logarithm as 2 artanh(u / (2 + u)), by its series. */
INLINE vf vf_softplus(vf x) {
  vf u = vf_exp(-vf_abs(x)), s = u / (vf_set(2.0f) + u), z = s * s;
  vf p = vf_set(0.153846154f);
  p = vf_fma(p, z, vf_set(0.181818182f));
  p = vf_fma(p, z, vf_set(0.222222222f));
  p = vf_fma(p, z, vf_set(0.285714286f));
  p = vf_fma(p, z, vf_set(0.4f));
  p = vf_fma(p, z, vf_set(0.666666667f));
  p = vf_fma(p, z, vf_set(2.0f));
  return vf_select(x > vf_set(0.0f), x, vf_set(0.0f)) + p * s;
}

/* Odd polynomial near zero, else from e^2|x|. */
INLINE vf vf_tanh(vf x) {
  vf a = vf_abs(x), z = x * x;
  vf p = vf_set(2.29584053e-3f);
  p = vf_fma(p, z, vf_set(-8.34697951e-3f));
  p = vf_fma(p, z, vf_set(2.17699613e-2f));
  p = vf_fma(p, z, vf_set(-5.39594069e-2f));
  p = vf_fma(p, z, vf_set(1.33333042e-1f));
  p = vf_fma(p, z, vf_set(-3.33333343e-1f));
  vf small = vf_fma(x * z, p, x);
  vf large = vf_set(1.0f) - vf_set(2.0f) / (vf_exp(a + a) + vf_set(1.0f));
  large = (vf)((vi)large | ((vi)x & vi_set((int32_t)0x80000000u)));
  return vf_select(a < vf_set(0.625f), small, vf_select(x != x, x, large));
}

/* P(X <= x) of a standard normal X: erfc(|x| / sqrt 2) / 2 as t e^(g(t) - x^2 / 2), t = 1 / (1 + |x| / sqrt 8). */
INLINE vf vf_normal(vf x) {
  vf a = vf_abs(x) * vf_set(0.707106781f);
  vf t = vf_set(1.0f) / vf_fma(a, vf_set(0.5f), vf_set(1.0f));
  vf g = vf_set(0.1465371698f);
  g = vf_fma(g, t, vf_set(-0.6895892024f));
  g = vf_fma(g, t, vf_set(1.1773762703f));
  g = vf_fma(g, t, vf_set(-0.7237541080f));
  g = vf_fma(g, t, vf_set(-0.0575148836f));
  g = vf_fma(g, t, vf_set(-0.0108340793f));
  g = vf_fma(g, t, vf_set(0.0387195125f));
  g = vf_fma(g, t, vf_set(0.3857792616f));
  g = vf_fma(g, t, vf_set(0.9987329841f));
  g = vf_fma(g, t, vf_set(-1.2654529810f));
  vf square = vf_keep(x * x) * vf_set(0.5f);
  vf tail = vf_set(0.5f) * t * vf_exp(g - square);
  return vf_select(x != x, x, vf_select(x > vf_set(0.0f), vf_set(1.0f) - tail, tail));
}

INLINE vf vf_gelu(vf x) { return x * vf_normal(x); }

INLINE vf vf_gelu_slope(vf x) {
  return vf_fma(x * vf_set(0.398942280f), vf_exp(vf_set(-0.5f) * x * x), vf_normal(x));
}

INLINE vf vf_silu_slope(vf x) {
  vf s = vf_sigmoid(x);
  return s * vf_fma(x, vf_set(1.0f) - s, vf_set(1.0f));
}

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

/* x * factor where the element's uniform 24-bit number is at least threshold, else zero. */
INLINE vf dropout(vf x, uint32_t key0, uint32_t key1, uint32_t step, int64_t index, uint32_t threshold, float factor) {
  vi keep = (vi)(random_words(key0, key1, index, step) >> 8) >= vi_set((int32_t)threshold);
  return vf_and(keep, x * vf_set(factor));
}

/* What gradients are multiplied with so that their norm is at most max. */
INLINE float clip_factor(float max, float norm) {
  double factor = (double)max / ((double)norm + 1e-6);
  return factor < 1.0 || factor != factor ? (float)factor : 1.0f;
}

/* Adam's step size lr / (1 - beta1^t) and 1 / sqrt(1 - beta2^t) at update t, counted from 1. */
INLINE float adam_rate(float lr, double beta1, int32_t t) { return (float)((double)lr / (1.0 - pow(beta1, t))); }
INLINE float adam_root(double beta2, int32_t t) { return (float)(1.0 / sqrt(1.0 - pow(beta2, t))); }
`;
