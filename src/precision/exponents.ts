import { FORMATS, LIMITS } from '../numeric/formats.js';

/** That of the smallest f16 but 0; what is below half of it becomes 0. */
export const F16_LEAST_EXPONENT = Math.log2(LIMITS.f16.smallestSubnormal);

/** By biased exponent of f32: the first holds zeros and subnormals, the last infinities and NaN. */
const BUCKETS = 2 ** FORMATS.f32.exponentBits;
const BIAS = LIMITS.f32.bias;

/** Magnitudes of the elements of one value over several calls. */
export class Exponents {
  count = 0;
  zeros = 0;
  private readonly buckets = new Float64Array(BUCKETS);
  private largestBits = 0;
  private smallestBits = 0x7f800000;

  add(elements: Float32Array): void {
    const bits = new Uint32Array(elements.buffer, elements.byteOffset, elements.length);
    const { buckets } = this;
    let [zeros, largest, smallest] = [0, this.largestBits, this.smallestBits];
    for (let i = 0; i < bits.length; i += 1) {
      const magnitude = bits[i]! & 0x7fffffff;
      if (magnitude === 0) {
        zeros += 1;
        continue;
      }
      buckets[magnitude >>> 23]! += 1;
      if (magnitude >= 0x7f800000) continue;
      if (magnitude > largest) largest = magnitude;
      if (magnitude < smallest) smallest = magnitude;
    }
    this.count += bits.length;
    this.zeros += zeros;
    this.largestBits = largest;
    this.smallestBits = smallest;
  }

  /** The largest finite magnitude; 0 where there is none. */
  get max(): number {
    return fromBits(this.largestBits);
  }

  /** The smallest magnitude that is not 0; undefined where there is none. */
  get minNonZero(): number | undefined {
    return this.smallestBits === 0x7f800000 ? undefined : fromBits(this.smallestBits);
  }

  get nonFinite(): number {
    return this.buckets[BUCKETS - 1]!;
  }

  /** Elements that are neither 0 nor infinite nor NaN. */
  get present(): number {
    return this.count - this.zeros - this.nonFinite;
  }

  /**
   * How many elements have a magnitude in [2^exponent, 2^(exponent + 1)), for every exponent that occurs, ascending; -127 stands for all
   * subnormals of f32.
   */
  histogram(): readonly (readonly [exponent: number, elements: number])[] {
    return [...this.buckets.subarray(0, BUCKETS - 1)].flatMap((elements, biased) =>
      elements === 0 ? [] : [[biased - BIAS, elements] as const],
    );
  }

  /** Elements that f16 makes 0 when all are multiplied by 2^shift first (but for ties, which are rounded to 0 as well). */
  vanishing(shift: number): number {
    const kept = F16_LEAST_EXPONENT - 1 - shift + BIAS;
    let sum = 0;
    for (let biased = 0; biased < Math.min(BUCKETS - 1, kept); biased += 1) sum += this.buckets[biased]!;
    return sum;
  }
}

function fromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}
