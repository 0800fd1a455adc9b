import { LARGEST_F32, SMALLEST_F32, singleProblem } from '../numeric/single.js';
import { type Bounds, describeBounds, withinBounds } from './setting.js';

/** A number for a message, with as many digits as tell it from its neighbours in f32. */
function shown(value: number): string {
  return String(Number(value.toPrecision(8)));
}

/** Inclusive bounds as f32 has them, so that a number at a bound stays at it. */
function rounded({ min, max, ...exclusive }: Bounds): Bounds {
  return { ...exclusive, ...(min !== undefined && { min: Math.fround(min) }), ...(max !== undefined && { max: Math.fround(max) }) };
}

/**
 * What is wrong with a number that is within its bounds as it is written, as the f32 that training uses: it is infinite, or as good as 0,
 * or rounds to a bound that is excluded.
 */
export function problemInF32(value: number, bounds: Bounds): { readonly why: string; readonly fix: string } | undefined {
  const problem = singleProblem(value);
  if (problem === 'infinite') {
    const [low, high] = [bounds.min ?? bounds.above ?? -LARGEST_F32, bounds.max ?? LARGEST_F32];
    return {
      why: `it is used as f32, in which it is infinite: the largest number of f32 is ${shown(LARGEST_F32)}`,
      fix: `give a number between ${shown(low)} and ${shown(high)}`,
    };
  }
  if (problem === 'vanishing')
    return {
      why:
        'it is used as f32, in which some processors take it for 0: the smallest number with all digits of f32 is ' +
        `${shown(SMALLEST_F32)}`,
      fix: `${withinBounds(0, bounds) ? 'write 0, or give' : 'give'} at least ${shown(SMALLEST_F32)}${value < 0 ? ' in magnitude' : ''}`,
    };
  const single = Math.fround(value);
  if (withinBounds(single, rounded(bounds))) return undefined;
  const step = 2 ** -20 * Math.abs(single);
  return {
    why: `it is used as f32, in which it is ${single}, and it must be ${describeBounds(bounds)}`,
    fix:
      `f32 has 7 digits: give a number further from ${single}, such as ` +
      `${shown(bounds.below === single ? single - step : single + step)}`,
  };
}
