import type { Attrs, TensorType } from '../ir/types.js';
import { type AxisWindows, windowAt } from './mean-windows.js';
import type { OpDefinition } from './op.js';

/**
 * How the results along one axis of an image are sums over the places of the operand along it.
 * - `block`: result i is the sum of the `factor` places from i * factor on: the gradient of repeating each place.
 * - `resample`: the operand has `size` places, the result `factor` times as many, and lies between the two that are nearest. Places are
 *   points in the middle of equal parts of the axis; beyond the outermost the value stays. `back`: the gradient of that.
 * - `unpad`: the operand is the result, of `size` places, with so many before and after it, which mirror it, or repeat its ends: the
 *   gradient of padding.
 * - `mean`: result i is the mean of the places of window i. `back`: the gradient of that.
 */
export type AxisTaps =
  | { readonly kind: 'block'; readonly factor: number; readonly size: number }
  | { readonly kind: 'resample'; readonly factor: number; readonly size: number; readonly back: boolean }
  | { readonly kind: 'mean'; readonly windows: AxisWindows; readonly back: boolean }
  | { readonly kind: 'unpad'; readonly before: number; readonly after: number; readonly size: number; readonly reflects: boolean };

/** An op that sums over places of images, weighted, along rows and along columns by themselves. */
export interface TapsDefinition extends OpDefinition<'pool'> {
  readonly taps: (types: readonly TensorType[], attrs: Attrs) => readonly [rows: AxisTaps, columns: AxisTaps];
}

/** Twice `factor` times where result `i` lies among the `size` places, which is a whole number. */
function placeOf(i: number, factor: number, size: number): number {
  return Math.min(Math.max(2 * i + 1 - factor, 0), 2 * factor * (size - 1));
}

/** How much place `k` of the operand counts for result `i`. */
export function weightOf(taps: AxisTaps, i: number, k: number): number {
  switch (taps.kind) {
    case 'block':
      return Math.floor(k / taps.factor) === i ? 1 : 0;
    case 'resample': {
      const { factor, size, back } = taps;
      const [small, large] = back ? [i, k] : [k, i];
      return Math.max(0, 1 - Math.abs(placeOf(large, factor, size) - 2 * factor * small) / (2 * factor));
    }
    case 'mean': {
      const [window, place] = taps.back ? [k, i] : [i, k];
      const { from, to, count } = windowAt(taps.windows, window);
      return place >= from && place < to ? 1 / count : 0;
    }
    case 'unpad': {
      const { before, size, reflects } = taps;
      const [place, last] = [k - before, size - 1];
      if (place >= 0 && place <= last) return place === i ? 1 : 0;
      const end = place < 0 ? 0 : last;
      return (reflects ? 2 * end - place : end) === i ? 1 : 0;
    }
  }
}

/** How many results and how many places of the operand an axis has. */
export function lengthsOf(taps: AxisTaps): { readonly results: number; readonly places: number } {
  switch (taps.kind) {
    case 'block':
      return { results: taps.size, places: taps.size * taps.factor };
    case 'resample': {
      const [small, large] = [taps.size, taps.size * taps.factor];
      return taps.back ? { results: small, places: large } : { results: large, places: small };
    }
    case 'mean': {
      const { size, results } = taps.windows;
      return taps.back ? { results: size, places: results } : { results, places: size };
    }
    case 'unpad':
      return { results: taps.size, places: taps.before + taps.size + taps.after };
  }
}

/** The largest sum of the weights of one result, and how many weights that are not zero it has at most. */
export function mostTaps(taps: AxisTaps): { readonly weight: number; readonly count: number } {
  const { results, places } = lengthsOf(taps);
  let [weight, count] = [0, 0];
  for (let i = 0; i < results; i += 1) {
    const weights = Array.from({ length: places }, (_, k) => weightOf(taps, i, k)).filter((w) => w > 0);
    weight = Math.max(
      weight,
      weights.reduce((sum, w) => sum + w, 0),
    );
    count = Math.max(count, weights.length);
  }
  return { weight, count };
}
