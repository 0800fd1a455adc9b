import type { DType } from '../ir/types.js';
import { isFloat } from '../ir/types.js';
import { round } from '../numeric/encoding.js';
import { LIMITS } from '../numeric/formats.js';

/** A set that holds every element of a value: [low, high], and a NaN where `nan`. An infinite end means that an infinity may occur. */
export interface Range {
  readonly low: number;
  readonly high: number;
  readonly nan: boolean;
}

/** Nothing is known. */
export const ANY: Range = { low: -Infinity, high: Infinity, nan: true };

/** Half a unit in the last place of f32, relative. */
export const F32_ROUNDING = LIMITS.f32.unitRoundoff;

/** Relative error of the few operations in double precision that make one bound. */
const BOUND_ROUNDING = 2 ** -48;

export function between(low: number, high: number): Range {
  return { low, high, nan: false };
}

export function isBounded({ low, high, nan }: Range): boolean {
  return !nan && Number.isFinite(low) && Number.isFinite(high);
}

/** The largest magnitude; infinite where a NaN may occur. */
export function magnitude({ low, high, nan }: Range): number {
  return nan ? Infinity : Math.max(Math.abs(low), Math.abs(high));
}

export function contains({ low, high, nan }: Range, x: number): boolean {
  return Number.isNaN(x) ? nan : x >= low && x <= high;
}

export function union(...ranges: readonly Range[]): Range {
  return {
    low: Math.min(...ranges.map(({ low }) => low)),
    high: Math.max(...ranges.map(({ high }) => high)),
    nan: ranges.some(({ nan }) => nan),
  };
}

export const ZERO = between(0, 0);

export function withZero(range: Range): Range {
  return union(range, ZERO);
}

/** The smallest range of some elements; undefined for none. */
export function rangeOf(elements: ArrayLike<number>): Range | undefined {
  if (elements.length === 0) return undefined;
  let low = Infinity;
  let high = -Infinity;
  let nan = false;
  for (let i = 0; i < elements.length; i += 1) {
    const x = elements[i]!;
    if (Number.isNaN(x)) nan = true;
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return low > high ? ANY : { low, high, nan };
}

/** The range with room for an absolute error at both ends. */
export function widen(range: Range, error: number): Range {
  return { ...range, low: range.low - error, high: range.high + error };
}

/** Room for `count` roundings to f32 of intermediates, none larger than `largest` in magnitude; nothing is known once one may overflow. */
export function widenFor(range: Range, count: number, largest: number): Range {
  const error = Math.expm1((count + 1) * F32_ROUNDING) * largest + LIMITS.f32.smallestSubnormal;
  return isBounded(range) && largest + error <= LIMITS.f32.largest ? widen(range, error) : ANY;
}

/** What arithmetic gives where an infinity or a NaN can come in: differences and products with zero are no numbers. */
function ofBounded(operands: readonly Range[], compute: () => Range): Range {
  if (!operands.every(isBounded)) return ANY;
  const result = compute();
  return isBounded(result) ? widen(result, BOUND_ROUNDING * magnitude(result)) : ANY;
}

export function addRanges(a: Range, b: Range): Range {
  return ofBounded([a, b], () => between(a.low + b.low, a.high + b.high));
}

export function subRanges(a: Range, b: Range): Range {
  return ofBounded([a, b], () => between(a.low - b.high, a.high - b.low));
}

export function mulRanges(a: Range, b: Range): Range {
  return ofBounded([a, b], () => {
    const products = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
    return between(Math.min(...products), Math.max(...products));
  });
}

/** Nothing is known where the divisor may be 0, or so small that a quotient overflows. */
export function divRanges(a: Range, b: Range): Range {
  if (b.low <= 0 && b.high >= 0) return ANY;
  const quotient = ofBounded([a, b], () => {
    const ends = [a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high];
    return between(Math.min(...ends), Math.max(...ends));
  });
  return widenFor(quotient, 4, magnitude(quotient));
}

export function scaleRange(a: Range, factor: number): Range {
  return mulRanges(a, between(factor, factor));
}

/** From -bound to bound; everything where the bound is not finite. */
export function symmetric(bound: number): Range {
  return Number.isFinite(bound) ? between(-bound, bound) : ANY;
}

/** The sum of `count` terms, each within `term`, added up in f32 in any order. */
export function sumRange(term: Range, count: number): Range {
  if (count === 0) return ZERO;
  return widenFor(scaleRange(term, count), count, count * magnitude(term));
}

/** The mean of `count` numbers, each within `x`, added up in f32 in any order. */
export function meanRange(x: Range, count: number): Range {
  return widenFor(x, count + 1, magnitude(x));
}

/** The range after rounding to a format, as `round` does; it is monotonic, so its ends are those of the result. */
export function roundRange(range: Range, dtype: DType): Range {
  return isFloat(dtype) ? { ...range, low: round(dtype, range.low), high: round(dtype, range.high) } : range;
}
