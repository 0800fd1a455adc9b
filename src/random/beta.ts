/** Points of the table: between them the distribution is taken to be straight. */
const POINTS = 4096;

/**
 * The inverse of the distribution function of Beta(alpha, alpha) on (0, 1). The distribution is symmetric about 1/2, and with
 * s = x^alpha the integral of x^(alpha - 1) * (1 - x)^(alpha - 1) is that of (1 - s^(1 / alpha))^(alpha - 1) / alpha, which is bounded on
 * the lower half.
 */
export function betaQuantiles(alpha: number): (share: number) => number {
  const end = 0.5 ** alpha;
  const sums = new Float64Array(POINTS + 1);
  for (let i = 0; i < POINTS; i++) {
    const middle = ((i + 0.5) * end) / POINTS;
    sums[i + 1] = sums[i]! + (1 - middle ** (1 / alpha)) ** (alpha - 1);
  }
  const total = sums[POINTS]!;
  const lower = (share: number): number => {
    const wanted = share * 2 * total;
    let [low, high] = [0, POINTS];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (sums[middle]! <= wanted) low = middle;
      else high = middle;
    }
    const within = (wanted - sums[low]!) / (sums[high]! - sums[low]!);
    return (((low + within) * end) / POINTS) ** (1 / alpha);
  };
  return (share) => (share <= 0.5 ? lower(share) : 1 - lower(1 - share));
}
