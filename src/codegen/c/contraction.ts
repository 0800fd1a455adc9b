import type { ValueId } from '../../ir/types.js';
import { elementCount, numbersAttr } from '../../ir/types.js';
import type { ContractionGeometry } from '../../ops/contraction-geometry.js';
import { contractionGeometry, opDefinition } from '../../ops/index.js';
import { emitFinish } from './contraction-finish.js';
import { type Convolution, convolutionOf, type Lattice } from './contraction-geometry.js';
import { emitWeightGradient } from './contraction-gradient.js';
import { stagingOf, taskImages } from './contraction-images.js';
import { emitPack, type Packing, packedSize, packTasks } from './contraction-pack.js';
import { type Block, cutRuns, hasWholeRows, joinedRuns, type Run, runsOf } from './contraction-runs.js';
import { type Staging, stagedChannels, stagedSize, stagedType } from './contraction-stage.js';
import { BLOCK_TERMS, type Compute, chooseTile, emitTile, STAGED, type Tile } from './contraction-tile.js';
import { emitTransposedProduct, transposedProduct } from './contraction-transposed.js';
import { emitWinograd } from './contraction-winograd.js';
import { emitDepthwise } from './depthwise.js';
import { type Depthwise, depthwiseOf } from './depthwise-geometry.js';
import { emitDepthwiseGradient, isDepthwiseGradient } from './depthwise-gradient.js';
import { isNeverInfinite, type Kernel, type KernelContext } from './kernel.js';
import { winogradOf } from './winograd-choice.js';

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

function computeFormat(context: KernelContext, c: Convolution): Compute {
  const bf16 = context.type(c.source).dtype === 'bf16' && context.type(c.weight).dtype === 'bf16';
  return bf16 && context.target.bf16Dot ? 'bf16' : 'f32';
}

interface Lowered {
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

function lowerConvolution(context: KernelContext, c: Convolution): Lowered {
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

/** Loops over the tiles of one lattice for the images of a task; `body` sees `row`, `column`, `image` and the tile's number `t`. */
function tileLoops({ c, tile, staging }: Lowered, lattice: Lattice, body: string): string {
  const tileRows = Math.ceil(lattice.rows / tile.rows);
  const tileColumns = Math.ceil(lattice.columns / tile.columns);
  const kc = stagedChannels(staging);
  const inImage = `(row * ${c.inStep[0] * c.stagedWidth} + column * ${c.inStep[1]}) * ${kc}`;
  return `  for (int64_t image = first, t = 0; image < last; image++) {
    for (int64_t i = 0; i < ${tileRows}; i++) {
      const int64_t row = min64(i * ${tile.rows}, ${lattice.rows - tile.rows});
      for (int64_t j = 0; j < ${tileColumns}; j++, t++) {
        const int64_t column = min64(j * ${tile.columns}, ${lattice.columns - tile.columns});
        const int64_t at = (image - first) * ${stagedSize(staging)} + ${inImage};
${body}
      }
    }
  }
`;
}

/** C function that computes all positions of a task's images for the channels of one tile. */
function emitBlock(name: string, lowered: Lowered, vectors: number): string {
  const { compute, tile, lattices, c, weightInPlace, packing, staging } = lowered;
  const pitch = weightInPlace ? c.groups * c.n : vectors * packing.lanes;
  const { type } = STAGED[compute];
  const sums = tile.rows * tile.columns * vectors;
  const group = c.groups === 1 ? '' : ', group';
  const call = (block: Block, first: boolean, target: string) =>
    `        ${name}_tile${vectors}(x + at, w + ${block.row * pitch}, ${name}_runs + ${block.first}, ` +
    `${block.count}, ${first ? 1 : 0}, ${target});`;
  const finish = ({ row0, column0 }: Lattice, target: string) => {
    const position = `${place('row', c.outStep[0], row0)}, ${place('column', c.outStep[1], column0)}`;
    return `        ${name}_finish${vectors}(p, ${target}, image, ${position}, n${group});`;
  };
  const parts = lattices.map(({ lattice, blocks }) => {
    if (blocks.length <= 1) {
      const compute1 = blocks.map((block) => call(block, true, 'sums')).join('\n');
      return tileLoops(
        lowered,
        lattice,
        `        vf sums[${sums}]${blocks.length === 0 ? ' = {{0}}' : ''};\n        (void)at;\n${compute1}\n${finish(lattice, 'sums')}`,
      );
    }
    const passes = blocks.map((block, i) => tileLoops(lowered, lattice, call(block, i === 0, `all + t * ${sums}`)));
    const last = tileLoops(lowered, lattice, `        (void)at;\n${finish(lattice, `all + t * ${sums}`)}`);
    return `${passes.join('')}${last}`;
  });
  const operands = `void *const *p, const ${stagedType(staging)} *x, const ${type} *w, vf *all`;
  const range = `int64_t first, int64_t last, int64_t n${c.groups === 1 ? '' : ', int64_t group'}`;
  return `static void ${name}_channels${vectors}(${operands}, ${range}) {
  (void)all;
${parts.join('')}}
`;
}

/** `row * 2 + 1` without the parts that do nothing. */
function place(variable: string, step: number, start: number): string {
  return `${step === 1 ? variable : `${variable} * ${step}`}${start === 0 ? '' : ` + ${start}`}`;
}

/** Statements that say which images a task has, and of which element of the batch and which group. */
function taskRange({ c, imagesPerTask, imageBlocks, channelBlocks }: Lowered): string {
  if (c.batch * c.groups === 1)
    return `  const int64_t first = task / ${channelBlocks} * ${imagesPerTask}, last = min64(first + ${imagesPerTask}, ${c.images});\n`;
  const block = `task / ${channelBlocks * c.groups}`;
  return `  const int64_t group = task / ${channelBlocks} % ${c.groups}, batch = ${block} / ${imageBlocks};
  const int64_t first = batch * ${c.images} + ${block} % ${imageBlocks} * ${imagesPerTask};
  const int64_t last = min64(first + ${imagesPerTask}, (batch + 1) * ${c.images});
  (void)group;
`;
}

/** C expression: where the weight of a task's copy begins. */
function weightOffset({ c, packing, weightInPlace }: Lowered): string {
  if (c.batch * c.groups === 1) return '';
  if (weightInPlace) return ` + batch * ${packing.size} + group * ${c.n}`;
  return ` + (batch * ${c.groups} + group) * ${packedSize(packing)}`;
}

/** C of one convolution-like contraction with everything that the plan fused behind it. */
function emitConvolution(context: KernelContext, geometry: ContractionGeometry): Kernel {
  const c = convolutionOf(context.anchor, geometry);
  const pool = fusedPool(context);
  if (pool !== undefined && numbersAttr(context.node(pool).attrs, 'window').some((size) => size !== 2))
    throw new Error('only 2x2 pools are fused');
  const winograd = winogradOf(context, c, computeFormat(context, c));
  if (winograd !== undefined) return emitWinograd(context, c, winograd, pool);
  const lowered = lowerConvolution(context, c);
  const { tile, compute, staging, packing, weightInPlace, runs, imagesPerTask, imageBlocks, channelBlocks } = lowered;
  const { lanes } = context.target;
  const { name } = context;
  const { type } = STAGED[compute];

  const vectors = Math.ceil(c.n / lanes);
  const full = Math.floor(vectors / tile.vectors);
  const rest = vectors % tile.vectors;
  const kc = stagedChannels(staging);
  const packedRows = packing.taps.length * Math.ceil(packing.k / STAGED[compute].depth);
  const copies = c.batch * c.groups;
  const packed = weightInPlace ? context.pointer(c.weight) : context.workspace(copies * Math.max(1, packedRows) * vectors * lanes * 4);
  const images = taskImages(context, c, staging, imagesPerTask);
  const multiple = lowered.lattices.some(({ blocks }) => blocks.length > 1);
  const tilesOf = (l: Lattice) => Math.ceil(l.rows / tile.rows) * Math.ceil(l.columns / tile.columns);
  const sumBytes = multiple
    ? Math.max(...lowered.lattices.map(({ lattice }) => tilesOf(lattice))) *
      imagesPerTask *
      tile.rows *
      tile.columns *
      tile.vectors *
      lanes *
      4
    : 0;
  const scratch = context.scratch(images.bytes + sumBytes + 64);

  const widths = [...(full > 0 ? [tile.vectors] : []), ...(rest > 0 ? [rest] : [])];
  const strides = [c.inStep[0] * c.stagedWidth * kc, c.inStep[1] * kc] as const;
  const perBlock = Math.ceil((full + (rest > 0 ? 1 : 0)) / channelBlocks);
  const block = tile.vectors * lanes;
  const operands = `p, x, w + t * ${block * (weightInPlace ? 1 : packedRows)}, all`;
  const range = `first, last, t * ${block}${c.groups === 1 ? '' : ', group'}`;
  const channels = (width: number) => `${name}_channels${width}(${operands}, ${range});`;
  const whole = full > 0 ? `    if (t < ${full}) ${channels(tile.vectors)}\n` : '';
  const remainder = rest > 0 ? `    ${full > 0 ? 'else ' : ''}${channels(rest)}\n` : '';
  const emitTileOf = (width: number) => {
    const pitch = weightInPlace ? c.groups * c.n : width * lanes;
    return emitTile(`${name}_tile${width}`, compute, { ...tile, vectors: width }, ...strides, pitch, staging.form === 'joined');
  };
  // An input that no window meets has a gradient of zeros, without sums.
  const summed = runs.length > 0;
  const table = `static const int ${name}_runs[][2] = {${runs.map(([offset, length]) => `{${offset}, ${length}}`).join(', ')}};\n`;
  const copied = copies > 1 ? `${c.batch} in the batch, ${c.groups} groups: ` : '';
  const code = `${summed ? table : ''}
${weightInPlace || !summed ? '' : emitPack(`${name}_pack`, packing, context.pointer(c.weight), packed)}
${images.code}${(summed ? widths : []).map(emitTileOf).join('\n')}
${widths.map((width) => emitFinish(context, `${name}_finish${width}`, c, { ...tile, vectors: width }, pool)).join('\n')}
${widths.map((width) => emitBlock(name, lowered, width)).join('\n')}
/* ${copied}${imageBlocks} blocks of up to ${imagesPerTask} images, ${channelBlocks} of channels. */
static void ${name}(void *const *p, int64_t task) {
${taskRange(lowered)}${images.load}  const ${type} *w = (const ${type} *)${packed}${weightOffset(lowered)};
  vf *all = (vf *)(${scratch} + ${images.bytes});
  const int64_t begin = task % ${channelBlocks} * ${perBlock}, end = min64(begin + ${perBlock}, ${full + (rest > 0 ? 1 : 0)});
  for (int64_t t = begin; t < end; t++) {
${whole}${remainder}  }
}
`;
  const pack = weightInPlace || !summed ? [] : [{ name: `${name}_pack`, tasks: packTasks(packing) }];
  return { code, launches: [...pack, { name, tasks: copies * imageBlocks * channelBlocks }] };
}

/** The contraction as one of small groups, if its kernels can compute all that the plan put in the group. */
function depthwiseIn(context: KernelContext, geometry: ContractionGeometry): Depthwise | undefined {
  const { anchor, target } = context;
  const placed = anchor.inputs.some((id) => context.isMember(id));
  const depthwise = fusedPool(context) !== undefined || placed ? undefined : depthwiseOf(anchor, geometry, target);
  return depthwise !== undefined && (geometry.computes !== 'w' || isDepthwiseGradient(depthwise)) ? depthwise : undefined;
}

/** C of a contraction group. */
export function emitContraction(context: KernelContext): Kernel {
  const { anchor } = context;
  const geometry = contractionGeometry(
    anchor,
    anchor.inputs.map((id) => context.type(id)),
  );
  const depthwise = depthwiseIn(context, geometry);
  if (depthwise !== undefined) return (geometry.computes === 'w' ? emitDepthwiseGradient : emitDepthwise)(context, geometry, depthwise);
  const product = transposedProduct(context, geometry);
  if (product !== undefined) return emitTransposedProduct(context, product);
  return geometry.computes === 'w' ? emitWeightGradient(context, geometry) : emitConvolution(context, geometry);
}
