import type { ValueId } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import { opDefinition } from '../../ops/index.js';
import type { Convolution, Lattice } from './contraction-geometry.js';
import { stagingOf } from './contraction-images.js';
import type { Packing } from './contraction-pack.js';
import { type Block, cutRuns, hasWholeRows, joinedRuns, type Run, runsOf } from './contraction-runs.js';
import { type Staging, stagedChannels } from './contraction-stage.js';
import { BLOCK_TERMS } from './contraction-tile.js';
import type { Compute } from './contraction-unit.js';
import { isNeverInfinite } from './group-values.js';
import type { KernelContext } from './kernel.js';
import { chooseTile, type Tile } from './tile-choice.js';

/** Bytes of weights that one pass over a block's positions reads again and again; stays in a second-level cache. */
const WEIGHT_BLOCK = 160 * 1024;
/** Positions of a task: enough to reuse each weight many times, few enough to share the work out. */
const POSITIONS_PER_TASK = 256;
/** Fewer tasks than this leave cores idle, so channels are shared out too. */
const ENOUGH_TASKS = 8;

/**
 * Whether an odd number of channels is read in pairs across positions. The last pair of a window row then holds a neighbour that the window
 * does not have, times a weight of zero: only for values that are never infinite or NaN.
 */
function canJoin(context: KernelContext, c: Convolution, compute: Compute): boolean {
  const inRows = c.groups === 1 && !c.transposed && c.lattices.length === 1 && hasWholeRows(c.lattices[0]!);
  return compute === 'bf16' && c.k % 2 === 1 && inRows && isNeverInfinite(context.node(c.source));
}

/** The 2x2 pool that the group computes on the accumulators, if any. */
export function fusedPool(context: KernelContext): ValueId | undefined {
  return context.group.nodes.find((id) => opDefinition(context.node(id).op).poolsEpilogue === true);
}

/** What a convolution multiplies in. */
export function computeFormat(context: KernelContext, c: Convolution): Compute {
  const bf16 = context.type(c.source).dtype === 'bf16' && context.type(c.weight).dtype === 'bf16';
  return bf16 && context.target.bf16Dot ? 'bf16' : 'f32';
}

/** A convolution with all that its kernel was decided to be. */
export interface Lowered {
  readonly c: Convolution;
  readonly compute: Compute;
  readonly tile: Tile;
  readonly staging: Staging;
  readonly packing: Packing;
  /** The f32 weight of a matrix product is read where it is: its rows are in the order of the summation already. */
  readonly weightInPlace: boolean;
  readonly runs: readonly Run[];
  readonly lattices: readonly { readonly lattice: Lattice; readonly blocks: readonly Block[] }[];
  readonly imagesPerTask: number;
  /** Of one element of the batch. */
  readonly imageBlocks: number;
  /** Of one group. */
  readonly channelBlocks: number;
}

export function lowerConvolution(context: KernelContext, c: Convolution): Lowered {
  const { target } = context;
  const compute = computeFormat(context, c);
  const vectors = Math.ceil(c.n / target.lanes);
  const filled = c.lattices.filter((l) => l.rows > 0 && l.columns > 0);
  const rows = Math.min(...filled.map((l) => l.rows));
  const columns = Math.min(...filled.map((l) => l.columns));
  const tile = chooseTile(rows, columns, vectors, fusedPool(context) !== undefined, target);
  const joined = canJoin(context, c, compute);
  const staging = stagingOf(context, c, joined ? 'joined' : compute === 'bf16' ? 'channel-pairs' : 'f32');
  const kc = stagedChannels(staging);
  const limit = Math.min(BLOCK_TERMS, Math.max(64, Math.floor(WEIGHT_BLOCK / (tile.vectors * target.lanes * 4))));
  const runs: Run[] = [];
  const taps: number[] = [];
  const perTap = joined ? joinedRuns(filled[0]!, c.stagedWidth, c.k).columns * c.k : c.k;
  const lattices = filled.map((lattice) => {
    const own = joined ? joinedRuns(lattice, c.stagedWidth, c.k) : runsOf(lattice, c.stagedWidth, kc);
    // A joined run is whole: its length counts pairs, its offset elements.
    const blocks = joined
      ? [{ first: runs.push(...own.runs) - own.runs.length, count: own.runs.length, row: 0 }]
      : cutRuns(own.runs, limit, runs, taps.length * kc);
    taps.push(...own.taps);
    return { lattice, blocks };
  });
  const channelTiles = Math.ceil(vectors / tile.vectors);
  const copies = c.batch * c.groups;
  let imagesPerTask = Math.max(1, Math.min(c.images, Math.round(POSITIONS_PER_TASK / (c.outHeight * c.outWidth))));
  while (imagesPerTask > 1 && copies * Math.ceil(c.images / imagesPerTask) * channelTiles < ENOUGH_TASKS)
    imagesPerTask = Math.ceil(imagesPerTask / 2);
  const imageBlocks = Math.ceil(c.images / imagesPerTask);
  const channelBlocks = Math.min(channelTiles, Math.max(1, Math.ceil(ENOUGH_TASKS / (copies * imageBlocks))));
  const weight = context.type(c.weight);
  const packing: Packing = {
    dtype: weight.dtype,
    compute,
    k: perTap,
    n: c.n,
    taps,
    vectors: tile.vectors,
    transposed: c.transposed,
    lanes: target.lanes,
    copies: c,
    size: elementCount(weight.shape) / c.batch,
  };
  const weightInPlace = weight.dtype === 'f32' && !c.transposed && taps.length === 1 && c.n % target.lanes === 0;
  return { c, compute, tile, staging, packing, weightInPlace, runs, lattices, imagesPerTask, imageBlocks, channelBlocks };
}
