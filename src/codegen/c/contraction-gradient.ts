import { elementCount } from '../../ir/types.js';
import type { ComputeType } from '../../numeric/formats.js';
import type { ContractionGeometry } from '../../ops/contraction-geometry.js';
import { isView } from '../../ops/index.js';
import { type Code, emit, fixed, joined } from '../code.js';
import { emitReduce, mostBlocks, partition, REDUCE_ROWS, sizes } from './contraction-gradient-parts.js';
import { emitStageBlocks, emitStageDy, emitStagePooledDy } from './contraction-gradient-stage.js';
import { emitStage, type Staging, stagedSize } from './contraction-stage.js';
import { BLOCK_TERMS, emitGradientTile } from './contraction-tile.js';
import { type Compute, STAGED } from './contraction-unit.js';
import { emitWinogradGradient } from './contraction-winograd-gradient.js';
import { type WeightGradient, weightGradientOf } from './gradient-geometry.js';
import type { Kernel, KernelContext } from './kernel.js';
import { called, head, note, pairTable } from './kernel-code.js';
import { chooseGradientTile } from './tile-choice.js';
import { winogradGradientOf } from './winograd-choice.js';

/** Bytes of staged images that a task goes through at a time. */
const STAGED_BLOCK = 256 * 1024;
/** Bytes of dy that all blocks of x meet one after another: they stay in a first-level cache, beside those of a block. */
const DY_BLOCK = 24 * 1024;

/** How many products a tile adds up in f32: of whole images, or of some rows of one where that has more than stay in the cache. */
interface Summed {
  readonly terms: number;
  readonly rows: number;
  /** In an image: a fraction where several make a block. */
  readonly blocks: number;
}

function summedAtOnce({ outHeight, outWidth }: WeightGradient, vectors: number, lanes: number): Summed {
  const terms = Math.min(BLOCK_TERMS, Math.floor(DY_BLOCK / (vectors * lanes * 4)));
  const rows = Math.min(outHeight, Math.max(1, Math.floor(terms / outWidth)));
  if (rows === outHeight && outWidth <= BLOCK_TERMS)
    return { terms: Math.max(terms, rows * outWidth), rows, blocks: (rows * outWidth) / terms };
  const blocks = Math.ceil(outHeight / rows) * Math.ceil(outWidth / BLOCK_TERMS);
  return { terms: Math.min(BLOCK_TERMS, rows * outWidth), rows, blocks };
}

/**
 * How x is staged. `channels` at a time lie side by side, block after block, so that a tile reads neighbouring memory; an image with few
 * or odd channels is one block, and then the columns of a window row join its channels to one run.
 */
interface Blocks {
  readonly count: number;
  readonly channels: number;
  /** Window positions that are told apart by their place in the staged image. */
  readonly taps: readonly { readonly offset: number; readonly row: number }[];
  /** Neighbouring rows of the weight per tap and block. */
  readonly run: number;
}

function blocksOf(g: WeightGradient, lanes: number): Blocks {
  const [rows, columns] = g.window;
  const [dh, dw] = g.dilation;
  const blocked = g.channels % lanes === 0;
  const channels = blocked ? lanes : g.channels;
  // Columns of a window row that lie side by side.
  const sideBySide = blocked || dw > 1 ? 1 : columns;
  const taps = Array.from({ length: (rows * columns) / sideBySide }, (_, i) => {
    const tap = i * sideBySide;
    return {
      offset: (Math.floor(tap / columns) * dh * g.stagedWidth + (tap % columns) * dw) * channels,
      row: tap * g.channels,
    };
  });
  return { count: g.channels / channels, channels, taps, run: sideBySide * channels };
}

/**
 * C of a weight gradient. Each task owns a slice of the weight and a part of the batch; the sums of the parts are added in order. bf16
 * pairs hold the same element of two images, so that the products of both add up in one instruction.
 */
export function emitWeightGradient(context: KernelContext, geometry: ContractionGeometry): Kernel {
  const node = context.anchor;
  const { target, name } = context;
  const { lanes } = target;
  const types = node.inputs.map((id) => context.type(id));
  const paired = types.every((type) => type.dtype === 'bf16') && target.bf16Dot;
  const g = weightGradientOf(node, geometry, paired);
  const compute: Compute = paired && g.images > 1 ? 'bf16' : 'f32';
  const filter = winogradGradientOf(context, g, compute, context.isMember(g.dy));
  if (filter !== undefined) return emitWinogradGradient(context, g, filter);
  const { type, depth } = STAGED[compute];
  const [xType, dyType] = types.map((t) => t.dtype) as [ComputeType, ComputeType];
  const blocks = blocksOf(g, lanes);
  const vectors = Math.ceil(g.n / lanes);
  const paddedN = vectors * lanes;
  const tile = chooseGradientTile(blocks.run, vectors, target);
  const channelTiles = Math.ceil(vectors / tile.vectors);
  const groups = Math.ceil(g.images / depth);
  const rows = elementCount(g.window) * g.channels;
  const positions = g.outHeight * g.outWidth;
  const copies = g.batch * g.groups;
  const summed = summedAtOnce(g, tile.vectors, lanes);
  const slice = (rows / blocks.count) * paddedN * 4;
  const part = partition(blocks.count, slice, channelTiles, groups, summed.blocks, copies, undefined, mostBlocks(summed.terms));

  // A block of images, staged: x for the slice's channels, then dy tile by tile.
  const plain: Staging = {
    dtype: xType,
    form: compute === 'bf16' ? 'image-pairs' : 'f32',
    height: g.height,
    width: g.width,
    channels: g.channels,
    pitch: g.groups * g.channels,
    haloTop: g.haloTop,
    haloLeft: g.haloLeft,
    stagedHeight: g.stagedHeight,
    stagedWidth: g.stagedWidth,
  };
  const blockSize = g.stagedHeight * g.stagedWidth * blocks.channels;
  const xImage = blocks.count === 1 ? stagedSize(plain) : blockSize * part.blocksPerSlice;
  const dyImage = positions * part.tilesPerSlice * tile.vectors * lanes;
  const { perChunk } = part;
  const together = Math.max(
    1,
    Math.min(perChunk, Math.floor(STAGED_BLOCK / ((xImage + dyImage) * 4)), Math.floor(summed.terms / positions)),
  );
  const inRows = summed.rows < g.outHeight;
  const xBytes = Math.ceil((together * xImage * 4) / 64) * 64;
  const scratch = context.scratch(xBytes + together * dyImage * 4 + 64);

  const whole = part.chunks === 1 && g.groups === 1 && g.n === paddedN;
  const alone = context.group.nodes.every((id) => id <= node.id || isView(context.node(id)));
  const inPlace = whole && alone && node.type.dtype === 'f32' && context.group.stores.length > 0;
  const partial = inPlace ? `((char *)${context.output(node.id)})` : context.workspace(copies * part.chunks * rows * paddedN * 4);
  const depths = sizes(blocks.run, tile.depth);
  const widths = sizes(vectors, tile.vectors);
  const loop = (width: number) => ({
    columns: g.outWidth,
    xRow: g.step[0] * g.stagedWidth * blocks.channels,
    xColumn: g.step[1] * blocks.channels,
    xImage,
    dyRow: g.outWidth * width * lanes,
    dyColumn: width * lanes,
    dyImage: positions * width * lanes,
    pitch: paddedN,
  });
  const multiply = (height: number, width: number) => {
    const { xRow, dyRow } = loop(width);
    const count = emit`min64(${summed.rows}, ${g.outHeight} - row)`;
    const operands = inRows
      ? emit`xb + m + row * ${xRow}, dyt + row * ${dyRow}, to - from, ${count}, from == start && row == 0`
      : emit`xb + m, dyt, to - from, ${g.outHeight}, from == start`;
    return emit`${called(name.and(`_tile${height}_${width}`), emit`${operands}, out`)};`;
  };
  const byDepth = (width: number) =>
    depths.length === 1
      ? multiply(depths[0]!, width)
      : emit`if (m + ${tile.depth} <= ${blocks.run}) ${multiply(tile.depth, width)}
            else ${multiply(depths.at(-1)!, width)}`;
  const eachRows = inRows
    ? emit`for (int64_t row = 0; row < ${g.outHeight}; row += ${summed.rows})
        `
    : '';
  const placed = context.isMember(g.dy) ? context.node(g.dy) : undefined;
  const [source, dy] = [context.pointer(g.source), context.pointer(placed === undefined ? g.dy : placed.inputs[0]!)];
  const xSize = g.height * g.width * g.groups * g.channels;
  const dySize = (placed === undefined ? positions : positions / 4) * g.groups * g.n;
  const xStart = copies === 1 ? '' : emit` + batch * ${g.images * xSize} + group * ${g.channels}`;
  const dyStart = copies === 1 ? '' : emit` + batch * ${g.images * dySize} + group * ${g.n}`;
  const second = (pointer: Code, size: number, offset: Code) =>
    depth === 1 ? 'NULL' : emit`2 * i + 1 < ${g.images} ? ${pointer} + (2 * i + 1) * ${size}${offset} : NULL`;
  const images = (pointer: Code, size: number, offset: Code) =>
    emit`${pointer} + ${depth} * i * ${size}${offset}, ${second(pointer, size, offset)}`;
  const xAt = emit`x + (i - from) * ${xImage}`;
  const stageX =
    blocks.count === 1
      ? emit`${called(name.and('_stage'), images(source, xSize, xStart), xAt)};`
      : emit`${called(name.and('_stage'), images(source, xSize, emit`${xStart} + b0 * LANES`), xAt, 'b1 - b0')};`;
  const places = placed === undefined ? '' : emit`${images(context.pointer(placed.inputs[1]!), dySize, dyStart)}, `;
  const gradients = emit`${images(dy, dySize, dyStart)}, ${places}`;
  const stagedDy = (width: number) => emit`dyt + (i - from) * ${positions * width * lanes}, t * ${tile.vectors * lanes}`;
  const perTile = (width: number, indent: string) => emit`${indent}for (int64_t i = from; i < to; i++)
${indent}  ${called(name.and(`_stage_dy${width}`), emit`${gradients}${stagedDy(width)}`)};
${indent}${eachRows}for (int64_t b = b0; b < b1; b++) {
${indent}  for (int64_t tap = 0; tap < ${blocks.taps.length}; tap++) {
${indent}    const ${type} *xb = x + (b - b0) * ${blockSize} + taps[tap][0];
${indent}    for (int64_t m = 0; m < ${blocks.run}; m += ${tile.depth}) {
${indent}      float *out = dw + (taps[tap][1] + b * ${blocks.channels} + m) * ${paddedN} + t * ${tile.vectors * lanes};
${indent}      ${byDepth(width)}
${indent}    }
${indent}  }
${indent}}
`;
  const tiles =
    widths.length === 1
      ? perTile(widths[0]!, '      ')
      : emit`      if (t < ${Math.floor(vectors / tile.vectors)}) {
${perTile(tile.vectors, '        ')}      } else {
${perTile(widths.at(-1)!, '        ')}      }
`;
  const slices = part.blockSlices * part.channelSlices;
  const stageDy = placed === undefined ? emitStageDy : emitStagePooledDy;
  const stageFunction =
    blocks.count === 1 ? emitStage(name.and('_stage'), plain) : emitStageBlocks(name.and('_stage'), xType, compute, g, lanes);
  const code = emit`${stageFunction}
${joined(
  widths.map((width) => stageDy(name.and(`_stage_dy${width}`), dyType, compute, g, width, lanes)),
  '\n',
)}
${joined(
  depths.flatMap((d) => widths.map((width) => emitGradientTile(name.and(`_tile${d}_${width}`), compute, d, width, loop(width)))),
  '\n',
)}
${note`${part.chunks} parts of the batch, ${slices} slices of the weight.`}
${head('static void', name, 'void *const *p, int64_t task')}
  ${pairTable(
    'taps',
    blocks.taps.map(({ offset, row }) => [offset, row] as const),
  )}
${copyOf(g, part.chunks * slices)}  const int64_t chunk = task / ${slices}, slice = task % ${slices};
  const int64_t b0 = slice / ${part.channelSlices} * ${part.blocksPerSlice}, b1 = min64(b0 + ${part.blocksPerSlice}, ${blocks.count});
  const int64_t t0 = slice % ${part.channelSlices} * ${part.tilesPerSlice}, t1 = min64(t0 + ${part.tilesPerSlice}, ${channelTiles});
  const int64_t start = chunk * ${perChunk}, end = min64(start + ${perChunk}, ${groups});
  float *dw = (float *)${partial} + ${copies === 1 ? 'chunk' : emit`(copy * ${part.chunks} + chunk)`} * ${rows * paddedN};
  ${type} *x = (${type} *)${scratch}, *dys = (${type} *)(${scratch} + ${xBytes});
  for (int64_t from = start; from < end; from += ${together}) {
    const int64_t to = min64(from + ${together}, end);
    for (int64_t i = from; i < to; i++) ${stageX}
    for (int64_t t = t0; t < t1; t++) {
      ${type} *dyt = dys + (t - t0) * ${together * positions * tile.vectors * lanes};
${tiles}    }
  }
}
${inPlace ? '' : emitReduce(context, g, rows, paddedN, part.chunks, partial)}`;
  const reduce = inPlace ? [] : [{ name: name.and('_reduce'), tasks: Math.ceil((copies * rows) / REDUCE_ROWS) }];
  return { code, launches: [{ name, tasks: copies * part.chunks * slices }, ...reduce] };
}

/** Statements that say which copy a task is of, and turn it into a task of that copy. */
function copyOf({ batch, groups }: WeightGradient, tasks: number): Code {
  if (batch * groups === 1) return '';
  return emit`  const int64_t copy = task / ${tasks}, batch = copy / ${fixed(groups)}, group = copy % ${fixed(groups)};
  (void)batch, (void)group;
  task %= ${tasks};
`;
}
