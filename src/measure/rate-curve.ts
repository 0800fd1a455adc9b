/** What one step of a range test came to. */
export interface RatePoint {
  readonly rate: number;
  /** Of the step's images before its update; null where it was not finite. */
  readonly loss: number | null;
  /** Mean of the losses around it, near ones more; null where the loss is not finite. */
  readonly smoothed: number | null;
  /** The gradients overflowed their format, and the step changed nothing. */
  readonly skipped: boolean;
}

export interface RateAdvice {
  /** Null where the losses give no reason for one. */
  readonly suggestion: number | null;
  /** Where the smoothed loss falls fastest, and where it is lowest, before it rises for good. */
  readonly steepest: number | null;
  readonly lowest: number | null;
  /** The rate at which the test ended early; null where the losses stayed in bounds to its end. */
  readonly diverged: number | null;
  /** Why that, or why none. */
  readonly reason: string;
}

/** Steps to both sides over which losses are smoothed: half a window of a triangle. */
const REACH = 5;

/** The test is over when the smoothed loss is so many times the lowest: nothing is learned from more. As in fastai and Lightning. */
const DIVERGED = 4;

/** A fall of less than so many deviations of the losses around their smoothed curve is no fall. */
const CLEAR = 2;

function smoothedAt(losses: readonly number[], at: number): number {
  let [sum, weights] = [0, 0];
  for (let other = Math.max(0, at - REACH); other <= Math.min(losses.length - 1, at + REACH); other++) {
    const weight = 1 + REACH - Math.abs(other - at);
    sum += weight * losses[other]!;
    weights += weight;
  }
  return sum / weights;
}

/** Losses without the last ones, where those are not finite. */
function finiteOf(losses: readonly number[]): readonly number[] {
  const end = losses.findIndex((loss) => !Number.isFinite(loss));
  return end < 0 ? losses : losses.slice(0, end);
}

export function smooth(losses: readonly number[]): readonly number[] {
  const finite = finiteOf(losses);
  return finite.map((_, at) => smoothedAt(finite, at));
}

/** Whether a range test need not go on: the last losses are not finite, or far above the lowest. */
export function hasDiverged(losses: readonly number[]): boolean {
  if (finiteOf(losses).length < losses.length) return true;
  const smoothed = smooth(losses);
  const lowest = Math.min(...smoothed);
  // Of losses that may be negative, or zero, no multiple says anything.
  return lowest > 0 && smoothed.length > REACH && smoothed.at(-1)! > DIVERGED * lowest;
}

/** Two digits are all that a range test knows. */
function rounded(rate: number): number {
  return Number(rate.toPrecision(2));
}

function deviation(losses: readonly number[], smoothed: readonly number[]): number {
  const squares = losses.map((loss, at) => (loss - smoothed[at]!) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / Math.max(1, losses.length));
}

function indexOfLowest(values: readonly number[]): number {
  return values.reduce((best, value, at) => (value < values[best]! ? at : best), 0);
}

/**
 * What the losses of a range test (Smith 2015) say of a learning rate: the one at which the smoothed loss falls fastest by the logarithm of
 * the rate, before it is lowest. `rates` rise by the same factor from step to step; there may be more of them than losses.
 */
export function adviseRate(rates: readonly number[], losses: readonly number[]): RateAdvice {
  const smoothed = smooth(losses);
  const diverged = hasDiverged(losses) ? rates[losses.length - 1]! : null;
  const none = (reason: string): RateAdvice => ({ suggestion: null, steepest: null, lowest: null, diverged, reason });
  if (smoothed.length <= 2 * REACH) return none('the losses were lost after a few steps: test lower rates');
  const low = indexOfLowest(smoothed);
  const finite = losses.slice(0, smoothed.length);
  // Where it has diverged, the deviation is that of the losses until they were lowest.
  const noise = deviation(finite.slice(0, Math.max(low + 1, REACH)), smoothed);
  if (smoothed[0]! - smoothed[low]! <= CLEAR * noise) {
    const other = diverged === null ? 'higher' : 'lower';
    return none(`the loss falls nowhere by more than its changes from step to step: test ${other} rates, or more steps`);
  }
  let steepest = 0;
  let slope = 0;
  for (let at = 1; at < low; at++) {
    const fall = smoothed[at - 1]! - smoothed[at + 1]!;
    if (fall > slope) [steepest, slope] = [at, fall];
  }
  const [rate, lowest] = [rounded(rates[steepest]!), rounded(rates[low]!)];
  const end =
    diverged === null
      ? low === smoothed.length - 1
        ? ' and still falls at the highest rate: a test of higher ones may find more'
        : ''
      : `; at ${rounded(diverged)} it is lost`;
  return {
    suggestion: rate,
    steepest: rates[steepest]!,
    lowest: rates[low]!,
    diverged,
    reason: `the loss falls fastest at ${rate}, is lowest at ${lowest}${end}`,
  };
}
