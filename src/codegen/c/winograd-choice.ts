import { elementCount, type FloatType } from '../../ir/types.js';
import type { Pair } from '../../ops/contraction-geometry.js';
import type { Convolution } from './contraction-geometry.js';
import { partsOf } from './contraction-gradient-parts.js';
import { type Compute, STAGED } from './contraction-unit.js';
import type { WeightGradient } from './gradient-geometry.js';
import type { KernelContext } from './kernel.js';
import { type Filtering, filtering, TAPS } from './winograd.js';

/** Points from which on a tile's transforms are large: half as many tiles are kept at once. */
const MANY_POINTS = 9;

/** Tiles of results whose products are kept at once: each transformed weight is read once for all of them. */
export function resultTiles({ points }: Filtering): number {
  return points >= MANY_POINTS ? 24 : 48;
}

/** Tiles of gradients whose transforms are kept at once: each sum is loaded and stored once for all of them. */
export function tilesAtOnce({ points }: Filtering): number {
  return points >= MANY_POINTS ? 32 : 64;
}

/** Bytes of sums that one task of a weight's gradient adds to, for block after block. */
export const GRADIENT_SLICE = 1400 * 1024;
/** Channels of a slice that a tile of such sums is chosen for. */
export const GRADIENT_RUN = 64;

/** Transformed weights beyond so many bytes take so many cycles a vector to write; beyond more, and to read for every block of tiles. */
const WRITTEN = { beyond: 3 * 1024 * 1024, cycles: 30 };
const READ = { beyond: 24 * 1024 * 1024, cycles: 19 };
/** Batches of fewer images leave cores idle. */
const FEWEST_IMAGES = 4;
/** Cycles of packing one summed channel's weights for the plain products of a 3x3 window, a vector of channels. */
const PACK_CYCLES = 100;
/** Cycles of loading and storing one vector of a weight gradient's sums. */
const SUM_CYCLES = 2;
/** Share of the plain products' time that filtering must stay under: less is not worth its scratch, and no more certain than the model. */
const PAYS = 0.85;

/**
 * Cycles of one core for a vector of channels, by the rows of a tile: to transform a tile's inputs, its products, and its gradients; one
 * summed channel's weights; and a channel's sums of a weight gradient. Those of 2 and 4 were measured with AVX-512; those of 5 and 7 are
 * estimates from these by how many more operations they take.
 */
const CYCLES: Readonly<Record<number, Readonly<Record<'inputs' | 'products' | 'gradients' | 'weights' | 'sums', number>>>> = {
  2: { inputs: 35, products: 40, gradients: 30, weights: 90, sums: 150 },
  4: { inputs: 105, products: 120, gradients: 90, weights: 200, sums: 200 },
  5: { inputs: 160, products: 180, gradients: 140, weights: 270, sums: 270 },
  7: { inputs: 330, products: 330, gradients: 270, weights: 450, sums: 450 },
};

export interface Winograd {
  readonly filter: Filtering;
  /** The weight's tap at each position of the window. */
  readonly taps: readonly number[];
  /** Where the window begins in the staged image, relative to an output's own position. */
  readonly row: number;
  readonly column: number;
}

/**
 * Rows of the tiles to try, by the format of the coarsest operand: the error of a tile's sums is to be no larger than that of the plain sum
 * with f32, and at most a hundredth of the operands' own rounding with 16 bits (docs/precision.md).
 */
const SIZES: Readonly<Record<FloatType, readonly number[]>> = {
  f32: [2],
  f16: [2, 4, 5],
  bf16: [2, 4, 5, 7],
  f8_e4m3: [2, 4, 5, 7],
  f8_e5m2: [2, 4, 5, 7],
};

function sizesFor(...operands: readonly FloatType[]): readonly number[] {
  return operands.map((dtype) => SIZES[dtype]).reduce((most, sizes) => (sizes.length > most.length ? sizes : most));
}

/** Cycles of the plain products: one multiply-add of vectors takes half of one. */
function plainCycles(multiplyAdds: number, compute: Compute): number {
  return multiplyAdds / (2 * STAGED[compute].depth);
}

function resultCycles(c: Convolution, filter: Filtering, lanes: number): number {
  const vectors = c.n / lanes;
  const tiles = c.images * Math.ceil(c.outHeight / filter.results) * Math.ceil(c.outWidth / filter.results);
  const cycles = CYCLES[filter.results]!;
  const products = filter.points ** 2 * c.k * vectors;
  const bytes = products * lanes * 4;
  const writing = bytes > WRITTEN.beyond ? products * WRITTEN.cycles : cycles.weights * c.k * vectors;
  const reading = bytes > READ.beyond ? products * READ.cycles * Math.ceil(tiles / resultTiles(filter)) : 0;
  return tiles * (products / 2 + (cycles.inputs * c.k) / lanes + cycles.products * vectors) + writing + reading;
}

/**
 * How a 3x3 convolution of stride one is computed by Winograd's filtering, where that takes less time than its products one by one;
 * undefined for all others: with the tile that takes the least, of as many results as the operands' formats allow. `isPooled`: a pool of
 * 2x2 windows reads the results, which a tile is to hold whole.
 */
export function winogradOf(context: KernelContext, c: Convolution, compute: Compute, isPooled: boolean): Winograd | undefined {
  const { lanes } = context.target;
  const filled = c.lattices.filter((l) => l.rows > 0 && l.columns > 0);
  const taps = filled[0]?.taps ?? [];
  const single = c.batch * c.groups === 1 && filled.length === 1 && [...c.inStep, ...c.outStep].every((step) => step === 1);
  if (c.images < FEWEST_IMAGES || !single || taps.length !== TAPS ** 2 || c.k % lanes !== 0 || c.n % lanes !== 0) return undefined;
  const [row, column] = [Math.min(...taps.map((tap) => tap.row)), Math.min(...taps.map((tap) => tap.column))];
  const order = Array.from({ length: TAPS ** 2 }, (_, i) =>
    taps.find((tap) => tap.row - row === Math.floor(i / TAPS) && tap.column - column === i % TAPS),
  );
  if (order.some((tap) => tap === undefined)) return undefined;
  const vectors = c.n / lanes;
  const plain = plainCycles(c.images * c.outHeight * c.outWidth * TAPS ** 2 * c.k * vectors, compute) + PACK_CYCLES * c.k * vectors;
  const filters = sizesFor(formatOf(context, c.source), formatOf(context, c.weight))
    .filter((size) => c.outHeight >= size && c.outWidth >= size && (!isPooled || size % 2 === 0))
    .map((size) => filtering(size, TAPS));
  const filter = quickest(filters, (each) => resultCycles(c, each, lanes), PAYS * plain);
  return filter && { filter, taps: order.map((tap) => tap!.weight), row, column };
}

/** The one that takes the fewest cycles, where these are fewer than `most`. */
function quickest(filters: readonly Filtering[], cyclesOf: (filter: Filtering) => number, most: number): Filtering | undefined {
  const cycles = filters.map(cyclesOf);
  const least = Math.min(...cycles);
  return least < most ? filters[cycles.indexOf(least)] : undefined;
}

function formatOf(context: KernelContext, id: number): FloatType {
  return context.type(id).dtype as FloatType;
}

/** Tiles of an image's gradients, in rows and columns; the last ones may be filled up with zeros. */
export function gradientTiles({ outHeight, outWidth }: WeightGradient, { taps }: Filtering): Pair {
  return [Math.ceil(outHeight / taps), Math.ceil(outWidth / taps)];
}

function gradientCycles(g: WeightGradient, filter: Filtering, lanes: number): number {
  const vectors = g.n / lanes;
  const tiles = g.images * elementCount(gradientTiles(g, filter));
  const cycles = CYCLES[filter.taps]!;
  const sums = filter.points ** 2 * g.channels * vectors;
  // Each slice transforms its own channels, for all tiles.
  const xTimes = g.n / Math.min(g.n, GRADIENT_RUN);
  const dyTimes = g.channels / Math.min(g.channels, GRADIENT_RUN);
  const perTile = sums / 2 + (cycles.inputs * xTimes * g.channels) / lanes + cycles.gradients * dyTimes * vectors;
  const parts = partsOf(g.images, Math.ceil((sums * lanes * 4) / GRADIENT_SLICE), tiles / g.images / tilesAtOnce(filter));
  const blocks = parts * Math.ceil(tiles / parts / tilesAtOnce(filter));
  return tiles * perTile + blocks * SUM_CYCLES * sums + parts * cycles.sums * g.channels * vectors;
}

/**
 * How the gradient of a 3x3 convolution's weight is computed by Winograd's filtering, where that takes less time than its products one by
 * one: each tile of gradients against the inputs that its windows meet, two rows and columns more. `isPooled`: they are
 * placed by a pool's index, two rows and columns at a time, and fill their tiles.
 */
export function winogradGradientOf(context: KernelContext, g: WeightGradient, compute: Compute, isPooled: boolean): Filtering | undefined {
  const { lanes } = context.target;
  const single = g.batch * g.groups === 1 && g.window.every((taps) => taps === TAPS);
  const window = single && [...g.step, ...g.dilation].every((step) => step === 1);
  if (g.images < FEWEST_IMAGES || !window || g.channels % lanes !== 0 || g.n % lanes !== 0) return undefined;
  const plain = plainCycles((g.images * g.outHeight * g.outWidth * TAPS ** 2 * g.channels * g.n) / lanes, compute);
  const filters = sizesFor(formatOf(context, g.source), formatOf(context, g.dy))
    .filter((size) => !isPooled || (g.outHeight % size === 0 && g.outWidth % size === 0))
    .map((size) => filtering(TAPS, size));
  return quickest(filters, (each) => gradientCycles(g, each, lanes), PAYS * plain);
}
