/**
 * Windows along one axis, whose means are taken. Window i has the places from floor(i * step / per) - before up to, but without,
 * floor((i * step + reach) / per) - before.
 */
export interface AxisWindows {
  /** Places of the axis, from 0. */
  readonly size: number;
  /** How many windows. */
  readonly results: number;
  readonly step: number;
  readonly per: number;
  readonly reach: number;
  readonly before: number;
  /** Places from `low` up to, but without, `high` count in a mean; those outside the axis as zeros. */
  readonly low: number;
  readonly high: number;
}

/** Windows of one length, so many places apart, the first of which begins so many places before the axis. */
export function slidingWindows(
  size: number,
  results: number,
  { length, stride, before, counted }: { length: number; stride: number; before: number; counted: readonly [number, number] },
): AxisWindows {
  return { size, results, step: stride, per: 1, reach: length, before, low: -counted[0], high: size + counted[1] };
}

/** So many windows that cover an axis, as even as can be: PyTorch's, floor(i * size / results) to ceil((i + 1) * size / results). */
export function evenWindows(size: number, results: number): AxisWindows {
  return { size, results, step: size, per: results, reach: size + results - 1, before: 0, low: 0, high: size };
}

export interface WindowPlaces {
  /** Of the axis: the first place, and the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** By what the sum is divided. */
  readonly count: number;
}

export function windowAt({ size, step, per, reach, before, low, high }: AxisWindows, i: number): WindowPlaces {
  const [first, end] = [Math.floor((i * step) / per) - before, Math.floor((i * step + reach) / per) - before];
  return { from: Math.max(first, 0), to: Math.min(end, size), count: Math.min(end, high) - Math.max(first, low) };
}

export function windowsAlong(windows: AxisWindows): readonly WindowPlaces[] {
  return Array.from({ length: windows.results }, (_, i) => windowAt(windows, i));
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** The least number that all counts divide. */
export function commonCount(windows: AxisWindows): number {
  return windowsAlong(windows).reduce((common, { count }) => (common / divisor(common, count)) * count, 1);
}
