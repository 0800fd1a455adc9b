import { LIMITS } from './formats.js';

/** The largest number of f32. */
export const LARGEST_F32 = LIMITS.f32.largest;
/** The smallest normal number of f32: smaller ones lose digits, and some processors take them for 0. */
export const SMALLEST_F32 = LIMITS.f32.smallestNormal;

export type SingleProblem = 'infinite' | 'vanishing';

/**
 * Why f32 does not hold a number: it becomes infinite, or something that some processors take for 0. What it does hold is finite and not 0,
 * as are its reciprocal and its square root.
 */
export function singleProblem(value: number): SingleProblem | undefined {
  const single = Math.abs(Math.fround(value));
  if (!Number.isFinite(single)) return 'infinite';
  return value !== 0 && single < SMALLEST_F32 ? 'vanishing' : undefined;
}
