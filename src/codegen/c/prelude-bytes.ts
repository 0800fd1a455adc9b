import { patternsOf } from '../../numeric/encoding.js';
import { LIMITS, type StorageType } from '../../numeric/formats.js';

const hex = (bits: number) => `0x${bits.toString(16)}`;

/** What VECTORS has for other formats, for a float format of one byte, from its line in the table; and what TRACE has. */
export function byteFormat(dtype: StorageType): string {
  const { fractionBits, shift, largest, infinity, beyond, nan, payload, rebias } = patternsOf(dtype);
  const { smallestSubnormal } = LIMITS[dtype];
  /** The f32 in whose binade the last place is the smallest subnormal: adding it rounds to one. */
  const anchor = Math.log2(smallestSubnormal) + 23;
  const set = (bits: number) => `vi_set(${hex(bits)})`;
  return `
INLINE vf ${dtype}_widen(vb b) {
  const vi pattern = __builtin_convertvector(b, vi), magnitude = pattern & ${set(0x7f)};
  const vf small = __builtin_convertvector(magnitude, vf) * vf_set(0x1p${Math.log2(smallestSubnormal)}f);
  vi bits = vi_select(magnitude < ${set(1 << fractionBits)}, (vi)small, (magnitude << ${shift}) + ${set(rebias)});
  bits = vi_select(magnitude > ${set(largest)}, ${set(0x7fc00000)} | (magnitude & ${set((1 << fractionBits) - 1)}) << ${shift}, bits);
${infinity === undefined ? '' : `  bits = vi_select(magnitude == ${set(infinity)}, ${set(0x7f800000)}, bits);\n`}\
  return (vf)(bits | (pattern & ${set(0x80)}) << 24);
}
INLINE vb ${dtype}_narrow(vf v) {
  const vi bits = (vi)v, magnitude = bits & ${set(0x7fffffff)}, rebased = magnitude - ${set(rebias)};
  const vi small = (vi)((vf)magnitude + vf_set(0x1p${anchor}f)) - ${set((anchor + 127) << 23)};
  vi pattern = (rebased + ${set((1 << (shift - 1)) - 1)} + ((rebased >> ${shift}) & vi_set(1))) >> ${shift};
  pattern = vi_select(magnitude < ${set(rebias + (1 << 23))}, small, pattern);
  pattern = vi_select(pattern > ${set(largest)}, ${set(beyond)}, pattern);
  pattern = vi_select(magnitude > ${set(0x7f800000)}, ${set(nan)} | ((magnitude >> ${shift}) & ${set(payload)}), pattern);
  return __builtin_convertvector((vu)(pattern | ((bits >> 24) & ${set(0x80)})), vb);
}
INLINE float ${dtype}_to_f32(uint8_t b) { return ${dtype}_widen((vb){b})[0]; }
INLINE vf round_${dtype}(vf v) { return ${dtype}_widen(${dtype}_narrow(v)); }
INLINE vf load_${dtype}(const uint8_t *p) { return ${dtype}_widen(load_b(p)); }
INLINE vf load_${dtype}_part(const uint8_t *p, int64_t n) { return ${dtype}_widen(load_b_part(p, n)); }
INLINE void store_${dtype}(uint8_t *p, vf v) { store_b(p, ${dtype}_narrow(v)); }
INLINE void store_${dtype}_part(uint8_t *p, vf v, int64_t n) { store_b_part(p, ${dtype}_narrow(v), n); }
TRACE_FORMAT(${dtype}, uint8_t)
`;
}
