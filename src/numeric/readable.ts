/** 1234567 -> `1,234,567`. */
export function formatCount(value: number): string {
  // By hand: the first use of Intl takes 30 ms.
  const [whole, fraction] = String(value).split('.') as [string, string | undefined];
  return [whole.replace(/\B(?=(\d{3})+$)/g, ','), ...(fraction === undefined ? [] : [fraction])].join('.');
}

/** Seconds as `42s`, `3m05s` or `2h07m`. */
export function formatDuration(seconds: number): string {
  const total = Math.round(seconds);
  if (total < 60) return `${total}s`;
  const minutes = Math.floor(total / 60);
  if (minutes < 60) return `${minutes}m${String(total % 60).padStart(2, '0')}s`;
  return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`;
}

/** A fraction as a percentage with two decimals. */
export function formatPercent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

/** `1.2346`, `4.000e+18`, or `-` for one that is not finite, which is null in events. */
export function formatLoss(loss: number | null): string {
  if (loss === null || !Number.isFinite(loss)) return '-';
  return Math.abs(loss) < 1e6 ? loss.toFixed(4) : loss.toExponential(3);
}

/** `4.21 ms`, with as many digits as a measurement deserves. */
export function formatMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(3) : ms < 1000 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}
