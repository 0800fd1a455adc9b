import type { BoardHistogram } from './schema.js';

const BUCKETS = 64;

/**
 * How values are spread, in buckets of equal width between the smallest and the largest. Values that are not finite are left out;
 * undefined where no others are.
 */
export function histogramOf(values: Float32Array): BoardHistogram | undefined {
  let [min, max, sum, sumSquares, num] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    sumSquares += value * value;
    num += 1;
  }
  if (num === 0) return undefined;
  if (min === max) return { min, max, num, sum, sumSquares, bucketLimit: [max], bucket: [num] };
  const bucket = new Array<number>(BUCKETS).fill(0);
  const scale = BUCKETS / (max - min);
  for (const value of values) if (Number.isFinite(value)) bucket[Math.min(BUCKETS - 1, Math.floor((value - min) * scale))]! += 1;
  const bucketLimit = bucket.map((_, index) => (index === BUCKETS - 1 ? max : min + (index + 1) / scale));
  return { min, max, num, sum, sumSquares, bucketLimit, bucket };
}
