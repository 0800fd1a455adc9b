const SERIES_LIMIT = 2.5;

/** 2 / sqrt(pi) * exp(-x^2) * sum over n of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)): no term cancels another. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** erfc(x) for x > 0 from its continued fraction x + (1/2)/(x + 1/(x + (3/2)/(x + ...))), evaluated from the far end. */
function erfcFraction(x: number): number {
  let tail = x;
  for (let n = 60; n >= 1; n -= 1) tail = x + n / 2 / tail;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * tail);
}

/** The error function, to about 1e-15. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x === 0) return x;
  const magnitude = Math.abs(x);
  if (magnitude < SERIES_LIMIT) return erfSeries(x);
  return Math.sign(x) * (magnitude > 6 ? 1 : 1 - erfcFraction(magnitude));
}
