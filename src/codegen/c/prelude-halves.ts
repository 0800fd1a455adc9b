import { patternsOf } from '../../numeric/encoding.js';
import { COMPUTE_TYPES, FORMATS, isLow, LIMITS, type LowType } from '../../numeric/formats.js';

/*
 * The low formats, which have two bytes: conversions of single numbers by a format's line in the table of formats, and those of vectors,
 * which processors have instructions for, by hand. Rounding is to nearest even; subnormals and NaNs are kept, overflow gives infinity.
 */

const hex = (bits: number) => `0x${bits.toString(16)}u`;

/** The bits of an f32. */
function bitsOf(value: number): number {
  return new Uint32Array(new Float32Array([value]).buffer)[0]!;
}

/** A format with the exponents of f32 is the upper part of one. */
function upperPart(dtype: LowType): string {
  const { shift, nan, infinity } = patternsOf(dtype);
  return `
/* ${dtype}: the upper half of an f32. */
INLINE float ${dtype}_to_f32(uint16_t h) {
  uint32_t bits = (uint32_t)h << ${shift};
  float r;
  __builtin_memcpy(&r, &bits, 4);
  return r;
}

INLINE uint16_t f32_to_${dtype}(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> ${shift} | ${hex(nan - infinity!)});
  return (uint16_t)((bits + ${hex((1 << (shift - 1)) - 1)} + (bits >> ${shift} & 1u)) >> ${shift});
}
`;
}

function fewerExponents(dtype: LowType): string {
  const { fractionBits, shift, rebias, infinity, nan, magnitudes } = patternsOf(dtype);
  const { smallestSubnormal, smallestNormal, overflows } = LIMITS[dtype];
  const [sign, ends] = [hex(magnitudes + 1), hex(infinity!)];
  /** In its binade the last place of an f32 is the smallest subnormal. */
  const anchor = smallestSubnormal * 2 ** FORMATS.f32.fractionBits;
  return `
/* ${dtype}: one sign, ${FORMATS[dtype].exponentBits} exponent, ${fractionBits} fraction bits. */
INLINE float ${dtype}_to_f32(uint16_t h) {
  uint32_t sign = (uint32_t)(h & ${sign}) << 16, magnitude = h & ${hex(magnitudes)}, bits;
  float r;
  if (magnitude >= ${ends}) {
    bits = sign | 0x7f800000u | (magnitude & ${hex((1 << fractionBits) - 1)}) << ${shift} | (magnitude > ${ends} ? 0x400000u : 0u);
  } else if (magnitude >= ${hex(1 << fractionBits)}) {
    bits = sign | ((magnitude << ${shift}) + ${hex(rebias)});
  } else {
    r = (float)magnitude * 0x1p${Math.log2(smallestSubnormal)}f;
    __builtin_memcpy(&bits, &r, 4);
    bits |= sign;
  }
  __builtin_memcpy(&r, &bits, 4);
  return r;
}

INLINE uint16_t f32_to_${dtype}(float x) {
  uint32_t bits, sign, magnitude;
  __builtin_memcpy(&bits, &x, 4);
  sign = bits >> 16 & ${sign};
  magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return (uint16_t)(sign | ${hex(nan)} | (magnitude >> ${shift} & ${hex((1 << fractionBits) - 1)}));
  if (magnitude >= ${hex(bitsOf(overflows))}) return (uint16_t)(sign | ${ends});
  if (magnitude < ${hex(bitsOf(smallestNormal))}) {
    /* In [${anchor}, ${2 * anchor}) a float's last place is the smallest ${dtype} subnormal. */
    float shifted;
    __builtin_memcpy(&shifted, &magnitude, 4);
    shifted += ${anchor}f;
    __builtin_memcpy(&magnitude, &shifted, 4);
    return (uint16_t)(sign | (magnitude - ${hex(bitsOf(anchor))}));
  }
  return (uint16_t)(sign | ((magnitude + ${hex((1 << (shift - 1)) - 1)} + (magnitude >> ${shift} & 1u) - ${hex(rebias)}) >> ${shift}));
}
`;
}

/** By hand: `_widen` and `_narrow` of vectors, `round_`, and what `C_FORMATS` calls `exact`. */
interface VectorConversions {
  readonly conversions: string;
  readonly round: string;
  readonly exact?: string;
}

const VECTOR_CONVERSIONS: Readonly<Record<LowType, VectorConversions>> = {
  f16: {
    conversions: String.raw`
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
`,
    round: 'INLINE vf round_f16(vf v) { return f16_widen(f16_narrow(v)); }',
  },
  bf16: {
    conversions: String.raw`
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
`,
    round: 'INLINE vf round_bf16(vf v) { return (vf)(bf16_bits(v) & vu_set(0xffff0000u)); }',
    exact: `/* Of a vector whose lanes are bf16 already. */
INLINE void store_bf16_exact(uint16_t *p, vf v) { store_h(p, __builtin_convertvector((vu)v >> 16, vh)); }
INLINE void store_bf16_exact_part(uint16_t *p, vf v, int64_t n) { store_h_part(p, __builtin_convertvector((vu)v >> 16, vh), n); }`,
  },
};

const LOW_TYPES = COMPUTE_TYPES.filter(isLow);

const numbers = (dtype: LowType) => (patternsOf(dtype).rebias === 0 ? upperPart(dtype) : fewerExponents(dtype));

const memory = (dtype: LowType) => {
  const { exact } = VECTOR_CONVERSIONS[dtype];
  return [
    `INLINE vf load_${dtype}(const uint16_t *p) { return ${dtype}_widen(load_h(p)); }`,
    `INLINE vf load_${dtype}_part(const uint16_t *p, int64_t n) { return ${dtype}_widen(load_h_part(p, n)); }`,
    `INLINE void store_${dtype}(uint16_t *p, vf v) { store_h(p, ${dtype}_narrow(v)); }`,
    `INLINE void store_${dtype}_part(uint16_t *p, vf v, int64_t n) { store_h_part(p, ${dtype}_narrow(v), n); }`,
    ...(exact === undefined ? [] : [exact]),
  ].join('\n');
};

/** Conversions of numbers and of vectors, and `round_`. */
export const HALVES = [
  ...LOW_TYPES.map(numbers),
  ...LOW_TYPES.map((dtype) => VECTOR_CONVERSIONS[dtype].conversions),
  `\n${LOW_TYPES.map((dtype) => VECTOR_CONVERSIONS[dtype].round).join('\n')}`,
].join('');

/** Loads and stores of vectors, by those of their patterns. */
export const HALVES_IN_MEMORY = LOW_TYPES.map(memory).join('\n');
