import type { Target } from './target.js';

/** Outputs whose sums are kept in registers at once: `rows` x `columns` positions, each with `vectors` vectors of output channels. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly vectors: number;
}

/** Multiply-adds may start this many cycles apart when they depend on each other, two a cycle when they do not. */
const LATENCY = 4;

function cyclesPerStep(positions: number, vectors: number): number {
  return Math.max((positions * vectors) / 2, (positions + vectors) / 2, LATENCY);
}

/** Whether the sums, a vector of weights each and a broadcast number fit the registers. */
export function tileFits(positions: number, vectors: number, target: Target): boolean {
  return positions * vectors + vectors + 1 <= target.registers;
}

/** Cost of covering `count` vectors with tiles of `vectors`, the last one smaller. */
function vectorCost(positions: number, count: number, vectors: number): number {
  const rest = count % vectors;
  return Math.floor(count / vectors) * cyclesPerStep(positions, vectors) + (rest > 0 ? cyclesPerStep(positions, rest) : 0);
}

/**
 * The cheapest tile for a lattice of rows x columns positions and `vectors` vectors of channels, by a model of multiply-add and load
 * ports. The last tile of a row or column is moved back to end at the edge, so it may overlap its neighbour but never leave the lattice.
 * `pooled` keeps the tile aligned to 2x2 windows.
 */
export function chooseTile(rows: number, columns: number, vectors: number, pooled: boolean, target: Target): Tile {
  const step = pooled ? 2 : 1;
  let best: Tile = { rows: step, columns: step, vectors: 1 };
  let bestCost = Infinity;
  for (let r = step; r <= Math.min(rows, 8); r += step) {
    for (let c = step; c <= Math.min(columns, 28); c += step) {
      for (let v = 1; v <= Math.min(vectors, 6); v += 1) {
        if (!tileFits(r * c, v, target)) continue;
        const tiles = Math.ceil(rows / r) * Math.ceil(columns / c);
        // A little per tile for its start and end, and per position for its own address.
        const cost = tiles * (vectorCost(r * c, vectors, v) + 0.2 * Math.ceil(vectors / v) + 0.02 * r * c);
        if (cost < bestCost - 1e-9) {
          best = { rows: r, columns: c, vectors: v };
          bestCost = cost;
        }
      }
    }
  }
  return best;
}

/** Rows of the window's run (`depth` in registers as single numbers) by vectors of dy's channels, for weight gradients. */
export function chooseGradientTile(run: number, vectors: number, target: Target): { readonly depth: number; readonly vectors: number } {
  let best = { depth: 1, vectors: 1 };
  let bestCost = Infinity;
  for (let depth = 1; depth <= Math.min(run, 28); depth += 1) {
    for (let v = 1; v <= Math.min(vectors, 6); v += 1) {
      if (!tileFits(depth, v, target)) continue;
      const rest = run % depth;
      const cost =
        Math.floor(run / depth) * vectorCost(depth, vectors, v) +
        (rest > 0 ? vectorCost(rest, vectors, v) : 0) +
        0.3 * Math.ceil(run / depth) * Math.ceil(vectors / v);
      if (cost < bestCost - 1e-9) {
        best = { depth, vectors: v };
        bestCost = cost;
      }
    }
  }
  return best;
}
