import type { KernelMethod } from '../../plan/work.js';

/**
 * Winograd's minimal filtering: m sums over r neighbours each with m + r - 1 multiplications instead of m * r. The matrices are Cook and
 * Toom's for the points 0, +-a, +-b and infinity, transposed (A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks,
 * 2016).
 */
export interface Filtering {
  /** Results of one dimension. */
  readonly results: number;
  /** Taps of the window in one dimension. */
  readonly taps: number;
  /** Multiplications of one dimension: results + taps - 1. */
  readonly points: number;
  /** points x points: from neighbouring inputs. */
  readonly input: Matrix;
  /** points x taps: from the window's weights. */
  readonly weight: Matrix;
  /** results x points: from the products. */
  readonly output: Matrix;
}

/**
 * Elements of a cache line: what lies between the parts of different points beside the parts themselves. Their sizes are powers of two more
 * often than not, and would fall into the same sets of the caches.
 */
export const CACHE_LINE = 16;

/** Rows and columns of the windows that are filtered. */
export const TAPS = 3;

export type Matrix = readonly (readonly number[])[];

/**
 * Finite points, by how many multiplications there are. For six, 3/4 and 3/2 rather than 1 and 2: exact in binary, with a product near one,
 * they keep the terms of each sum alike in size, which halves the error. Those of seven and nine were found by trying all pairs of ten such
 * numbers.
 */
const POINTS: Readonly<Record<number, readonly number[]>> = {
  4: [0, 1, -1],
  6: [0, 3 / 4, -3 / 4, 3 / 2, -3 / 2],
  7: [3 / 8, -3 / 8, 3 / 4, -3 / 4, 3 / 2, -3 / 2],
  9: [1 / 4, -1 / 4, 3 / 4, -3 / 4, 1, -1, 5 / 2, -5 / 2],
};

/** What a kernel that filters says of itself; `size`: rows and columns of results, or of their gradients, in a tile. */
export function methodOf(filter: Filtering, size: number): KernelMethod {
  return { name: `Winograd ${size}x${size}`, multiplications: (filter.points / (size * TAPS)) ** 2 };
}

/** Coefficients, lowest power first, of the polynomial with these roots. */
function withRoots(roots: readonly number[]): number[] {
  let c = [1];
  for (const root of roots) c = [...c, 0].map((own, power) => (c[power - 1] ?? 0) - root * own);
  return c;
}

/** The matrices for `results` sums over `taps` neighbours; results + taps - 1 is 4, 6, 7 or 9. */
export function filtering(results: number, taps: number): Filtering {
  const points = results + taps - 1;
  const finite = POINTS[points]!;
  const others = (i: number) => finite.filter((_, j) => j !== i);
  const scale = finite.map((point, i) => others(i).reduce((product, other) => product * (point - other), 1));
  const unit = (size: number) => Array.from({ length: size }, (_, i) => (i === size - 1 ? 1 : 0));
  const powers = (point: number, count: number) => Array.from({ length: count }, (_, power) => point ** power);
  return {
    results,
    taps,
    points,
    input: [...finite.map((_, i) => [...withRoots(others(i)), 0]), withRoots(finite)],
    weight: [...finite.map((point, i) => powers(point, taps).map((power) => power / scale[i]!)), unit(taps)],
    output: Array.from({ length: results }, (_, power) => [...finite.map((point) => point ** power), power === results - 1 ? 1 : 0]),
  };
}
