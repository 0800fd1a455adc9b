import { type Code, emit, fixed, joined } from '../code.js';
import type { Copies } from './contraction-geometry.js';
import { BLOCK_TERMS } from './contraction-tile.js';
import { Locals } from './expression.js';
import type { WeightGradient } from './gradient-geometry.js';
import type { KernelContext } from './kernel.js';
import { head } from './kernel-code.js';

/** Bytes of sums that one task adds to for image after image; stays in a second-level cache. */
const SLICE = 192 * 1024;
/** Independent pieces of work to aim at, whatever the number of threads: the partition decides the order of the sums. */
const PIECES = 16;

/** How the weight and the batch are shared out to tasks; depends on shapes only. */
export interface Partition {
  readonly blocksPerSlice: number;
  readonly blockSlices: number;
  readonly tilesPerSlice: number;
  readonly channelSlices: number;
  /** Parts of the batch with sums of their own. */
  readonly chunks: number;
  /** Images (or pairs) of a part. */
  readonly perChunk: number;
}

/** Blocks of 512 products that one part of the batch adds up in f32: with those of a block, they bound the rounding of a gradient's sum. */
const MOST_BLOCKS = 64;

/** The same of blocks of so many products: the bound stays where it is. */
export function mostBlocks(terms: number): number {
  return MOST_BLOCKS + BLOCK_TERMS - terms;
}

/**
 * Parts of the batch to aim at, for so many images (or pairs) and slices of the weight. `blocks`: of how many blocks of products an image's
 * sum is, of which one part may add up `most`.
 */
export function partsOf(groups: number, slices: number, blocks: number, most = MOST_BLOCKS): number {
  const least = Math.ceil((groups * blocks) / most);
  return Math.min(groups, Math.max(1, least, Math.min(Math.ceil(groups / 2), Math.ceil(PIECES / slices))));
}

/** Shares out the weight and the images of each of so many `copies`. */
export function partition(
  blocks: number,
  blockBytes: number,
  channelTiles: number,
  groups: number,
  blocksPerGroup: number,
  copies = 1,
  limit = SLICE,
  most = MOST_BLOCKS,
): Partition {
  let blocksPerSlice = blocks;
  let tilesPerSlice = channelTiles;
  const bytes = () => (blocksPerSlice * tilesPerSlice * blockBytes) / channelTiles;
  while (bytes() > limit && (blocksPerSlice > 1 || tilesPerSlice > 1)) {
    if (blocksPerSlice >= tilesPerSlice) blocksPerSlice = Math.ceil(blocksPerSlice / 2);
    else tilesPerSlice = Math.ceil(tilesPerSlice / 2);
  }
  const blockSlices = Math.ceil(blocks / blocksPerSlice);
  const channelSlices = Math.ceil(channelTiles / tilesPerSlice);
  const wanted = partsOf(groups, copies * blockSlices * channelSlices, blocksPerGroup, most);
  // Parts are alike in size, so that many may be more than it takes: 33 images in 16 parts are 11 of three.
  const perChunk = Math.ceil(groups / wanted);
  return { blocksPerSlice, blockSlices, tilesPerSlice, channelSlices, chunks: Math.ceil(groups / perChunk), perChunk };
}

/** `count` and the remainder of dividing `total` into pieces of it, without zeros or repeats. */
export function sizes(total: number, count: number): number[] {
  const rest = total % count;
  return [...(total >= count ? [count] : []), ...(rest > 0 ? [rest] : [])];
}

export const REDUCE_ROWS = 64;

/** Adds the parts of the batch in order and stores the gradient in its format. */
export function emitReduce(
  context: KernelContext,
  { batch, groups, n }: Copies & Pick<WeightGradient, 'n'>,
  rows: number,
  pitch: number,
  chunks: number,
  partial: Code,
): Code {
  const { name, group, target } = context;
  const copies = batch * groups;
  const partLanes = n % target.lanes !== 0;
  const single = copies === 1;
  const channel = single ? 'n' : 'channel';
  const locals = new Locals(context, { index: 'index', channel, ...(partLanes && { lanes: 'lanes' }) });
  locals.define(context.anchor.id, 'sum');
  const sum =
    chunks === 1
      ? 'const vf sum = load_f32(in);'
      : emit`vw total = vw_of(load_f32(in));
      for (int64_t chunk = 1; chunk < ${chunks}; chunk++) total = vw_add(total, load_f32(in + chunk * ${rows * pitch}));
      const vf sum = vw_round(total);`;
  for (const id of group.stores) locals.store(id);
  const [row, last, place] = single
    ? ['row', rows, emit`      const int64_t index = row * ${n} + n;\n`]
    : [
        emit`(row / ${fixed(rows)} * ${chunks * rows} + row % ${fixed(rows)})`,
        copies * rows,
        emit`      const int64_t channel = row / ${fixed(rows)} % ${fixed(groups)} * ${n} + n;
      const int64_t index = (row / ${fixed(rows * groups)} * ${rows} + row % ${fixed(rows)}) * ${groups * n} + channel;\n`,
      ];
  return emit`${head('static void', name.and('_reduce'), 'void *const *p, int64_t task')}
  for (int64_t row = task * ${REDUCE_ROWS}; row < min64((task + 1) * ${REDUCE_ROWS}, ${last}); row++) {
    for (int64_t n = 0; n < ${n}; n += LANES) {
      const float *in = (const float *)${partial} + ${row} * ${pitch} + n;
${place}${partLanes ? emit`      const int64_t lanes = min64(LANES, ${n} - n);\n` : ''}      ${sum}
${joined(locals.statements.map((line) => emit`      ${line}\n`))}    }
  }
}
`;
}
