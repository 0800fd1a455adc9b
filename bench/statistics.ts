/** Median; of an even count the mean of the two in the middle. Throws on an empty list. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('the median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** What the table says of many timings, in their unit. */
export interface Timing {
  readonly median: number;
  readonly min: number;
  readonly count: number;
}

export function summarize(values: readonly number[]): Timing {
  return { median: median(values), min: Math.min(...values), count: values.length };
}
