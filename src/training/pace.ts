/** Milliseconds that calls in a row may take: long beside what starting them costs, short for someone who presses Ctrl-C. */
const SERIES_MS = 50;

/** Says how many calls to make in a row, from the time that earlier ones took. */
export class Pace {
  private calls = 1;

  /** How many of the `left` remaining calls to make now; at least 1. */
  next(left: number): number {
    return Math.max(1, Math.min(this.calls, left));
  }

  /** `calls` calls in a row took `ms` milliseconds. The number grows at most fourfold, for a first call tells little. */
  took(calls: number, ms: number): void {
    this.calls = Math.max(1, Math.min(4 * calls, Math.floor((SERIES_MS * calls) / Math.max(ms, 1e-3))));
  }
}
