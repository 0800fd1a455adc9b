import { COMPUTE_TYPES, type ComputeType } from '../../numeric/formats.js';

/** How a format's numbers are rounded where a pool compares sums that are not rounded yet. */
interface PoolRounding {
  /** Rounds numbers: NaN does not stay one. */
  readonly roundNumber: string;
  /** C of the lowest f32 that rounds to a value of the format, which is not a zero. Left out: a pool that says places rounds first. */
  readonly lowest?: (value: string) => string;
  /** What that calls. */
  readonly functions?: string;
}

export const POOL_ROUNDING: Readonly<Record<ComputeType, PoolRounding>> = {
  f32: { roundNumber: 'INLINE vf round_number_f32(vf v) { return v; }', lowest: (value) => value },
  f16: { roundNumber: 'INLINE vf round_number_f16(vf v) { return round_f16(v); }' },
  bf16: {
    roundNumber: `INLINE vf round_number_bf16(vf v) {
  const vu bits = (vu)v;
  return (vf)((bits + vu_set(0x7fff) + ((bits >> 16) & vu_set(1))) & vu_set(0xffff0000u));
}`,
    lowest: (value) => `lowest_rounding_to_bf16(${value})`,
    functions: `/* The lowest f32 that rounds to each bf16, which is not a zero. Of minus infinity a NaN: nothing is below it. */
INLINE vf lowest_rounding_to_bf16(vf v) {
  const vi bits = (vi)v, sign = bits >> 31, half = vi_set(0x8000) - ((bits >> 16) & vi_set(1));
  return (vf)(bits - ((half ^ sign) - sign));
}
`,
  },
};

/** Functions of all formats, for the prelude. */
export const POOL_ROUNDINGS = [
  '/* Rounds numbers: NaN does not stay one. */',
  ...COMPUTE_TYPES.map((dtype) => POOL_ROUNDING[dtype].roundNumber),
  '',
  ...COMPUTE_TYPES.flatMap((dtype) => POOL_ROUNDING[dtype].functions ?? []),
].join('\n');
