import { numbersAttr } from '../../ir/types.js';
import type { ContractionGeometry } from '../../ops/contraction-geometry.js';
import { contractionGeometry } from '../../ops/index.js';
import { type Code, emit, fixed, joined } from '../code.js';
import { emitFinish } from './contraction-finish.js';
import { convolutionOf, type Lattice } from './contraction-geometry.js';
import { emitWeightGradient } from './contraction-gradient.js';
import { taskImages } from './contraction-images.js';
import { computeFormat, fusedPool, type Lowered, lowerConvolution } from './contraction-lower.js';
import { emitPack, packedSize, packTasks } from './contraction-pack.js';
import type { Block } from './contraction-runs.js';
import { stagedChannels, stagedSize, stagedType } from './contraction-stage.js';
import { emitTile } from './contraction-tile.js';
import { emitTransposedProduct, transposedProduct } from './contraction-transposed.js';
import { STAGED } from './contraction-unit.js';
import { emitWinograd } from './contraction-winograd.js';
import { emitDepthwise } from './depthwise.js';
import { type Depthwise, depthwiseOf } from './depthwise-geometry.js';
import { emitDepthwiseGradient, isDepthwiseGradient } from './depthwise-gradient.js';
import type { Kernel, KernelContext } from './kernel.js';
import { arraySize, called, head, note, type OwnName, pairTable } from './kernel-code.js';
import { TaskSums } from './task-sums.js';
import { winogradOf } from './winograd-choice.js';

/** Loops over the tiles of one lattice for the images of a task; `body` sees `row`, `column`, `image` and the tile's number `t`. */
function tileLoops({ c, tile, staging }: Lowered, lattice: Lattice, body: Code): Code {
  const tileRows = Math.ceil(lattice.rows / tile.rows);
  const tileColumns = Math.ceil(lattice.columns / tile.columns);
  const kc = stagedChannels(staging);
  const inImage = emit`(row * ${c.inStep[0] * c.stagedWidth} + column * ${c.inStep[1]}) * ${kc}`;
  return emit`  for (int64_t image = first, t = 0; image < last; image++) {
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
function emitBlock(name: OwnName, lowered: Lowered, vectors: number): Code {
  const { compute, tile, lattices, c, weightInPlace, packing, staging } = lowered;
  const pitch = weightInPlace ? c.groups * c.n : vectors * packing.lanes;
  const { type } = STAGED[compute];
  const sums = tile.rows * tile.columns * vectors;
  const group = c.groups === 1 ? '' : ', group';
  const tileOf = (block: Block, first: boolean, target: Code) => {
    const runs = emit`${name.and('_runs')} + ${block.first}, ${block.count}`;
    const operands = emit`x + at, w + ${block.row * pitch}`;
    return emit`        ${called(name.and(`_tile${vectors}`), operands, runs, first ? '1' : '0', target)};`;
  };
  const finish = ({ row0, column0 }: Lattice, target: Code) => {
    const position = emit`${place('row', c.outStep[0], row0)}, ${place('column', c.outStep[1], column0)}`;
    return emit`        ${called(name.and(`_finish${vectors}`), emit`p, ${target}, image, ${position}, n${group}`)};`;
  };
  const parts = lattices.map(({ lattice, blocks }) => {
    if (blocks.length <= 1) {
      const compute1 = joined(
        blocks.map((block) => tileOf(block, true, 'sums')),
        '\n',
      );
      const declared = blocks.length === 0 ? `vf sums[${sums}] = {{0}};` : emit`vf sums[${arraySize(sums)}];`;
      const body = emit`        ${declared}\n        (void)at;\n${compute1}\n${finish(lattice, 'sums')}`;
      return tileLoops(lowered, lattice, body);
    }
    const passes = blocks.map((block, i) => tileLoops(lowered, lattice, tileOf(block, i === 0, emit`all + t * ${sums}`)));
    const last = tileLoops(lowered, lattice, emit`        (void)at;\n${finish(lattice, emit`all + t * ${sums}`)}`);
    return emit`${joined(passes)}${last}`;
  });
  const operands = `void *const *p, const ${stagedType(staging)} *x, const ${type} *w, vf *all`;
  const range = `int64_t first, int64_t last, int64_t n${c.groups === 1 ? '' : ', int64_t group'}`;
  return emit`${head('static void', name.and(`_channels${vectors}`), emit`${operands}, ${range}`)}
  (void)all;
${joined(parts)}}
`;
}

/** `row * 2 + 1` without the parts that do nothing. */
function place(variable: string, step: number, start: number): Code {
  return emit`${step === 1 ? variable : emit`${variable} * ${step}`}${start === 0 ? '' : emit` + ${start}`}`;
}

/** Statements that say which images a task has, and of which element of the batch and which group. */
function taskRange({ c, imagesPerTask, imageBlocks, channelBlocks }: Lowered): Code {
  if (c.batch * c.groups === 1)
    return emit`  const int64_t first = task / ${channelBlocks} * ${imagesPerTask}, last = min64(first + ${imagesPerTask}, ${c.images});\n`;
  const block = emit`task / ${channelBlocks * c.groups}`;
  return emit`  const int64_t group = task / ${channelBlocks} % ${fixed(c.groups)}, batch = ${block} / ${fixed(imageBlocks)};
  const int64_t first = batch * ${c.images} + ${block} % ${fixed(imageBlocks)} * ${imagesPerTask};
  const int64_t last = min64(first + ${imagesPerTask}, (batch + 1) * ${c.images});
  (void)group;
`;
}

/** C expression: where the weight of a task's copy begins. */
function weightOffset({ c, packing, weightInPlace }: Lowered): Code {
  if (c.batch * c.groups === 1) return '';
  if (weightInPlace) return emit` + batch * ${packing.size} + group * ${c.n}`;
  return emit` + (batch * ${c.groups} + group) * ${packedSize(packing)}`;
}

/** C of one convolution-like contraction with everything that the plan fused behind it. */
function emitConvolution(context: KernelContext, geometry: ContractionGeometry, taskSums: TaskSums): Kernel {
  const c = convolutionOf(context.anchor, geometry);
  const pool = fusedPool(context);
  if (pool !== undefined && numbersAttr(context.node(pool).attrs, 'window').some((size) => size !== 2))
    throw new Error('only 2x2 pools are fused');
  const winograd = winogradOf(context, c, computeFormat(context, c), pool !== undefined);
  if (winograd !== undefined) return emitWinograd(context, c, winograd, pool, taskSums);
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
  const operands = emit`p, x, w + t * ${block * (weightInPlace ? 1 : packedRows)}, all`;
  const range = emit`first, last, t * ${block}${c.groups === 1 ? '' : ', group'}`;
  const channels = (width: number) => emit`${called(name.and(`_channels${width}`), emit`${operands}, ${range}`)};`;
  const whole = full > 0 ? emit`    if (t < ${full}) ${channels(tile.vectors)}\n` : '';
  const remainder = rest > 0 ? emit`    ${full > 0 ? 'else ' : ''}${channels(rest)}\n` : '';
  const emitTileOf = (width: number) => {
    const pitch = weightInPlace ? c.groups * c.n : width * lanes;
    return emitTile(name.and(`_tile${width}`), compute, { ...tile, vectors: width }, ...strides, pitch, staging.form === 'joined');
  };
  // An input that no window meets has a gradient of zeros, without sums.
  const summed = runs.length > 0;
  const table = emit`${pairTable(name.and('_runs'), runs)}\n`;
  const copied = copies > 1 ? emit`${c.batch} in the batch, ${c.groups} groups: ` : '';
  const code = emit`${summed ? table : ''}
${weightInPlace || !summed ? '' : emitPack(name.and('_pack'), packing, context.pointer(c.weight), packed)}
${images.code}${joined((summed ? widths : []).map(emitTileOf), '\n')}
${joined(
  widths.map((width) =>
    emitFinish(context, name.and(`_finish${width}`), c, { ...tile, vectors: width }, { pool, ahead: tile.columns * c.outStep[1] }),
  ),
  '\n',
)}
${joined(
  widths.map((width) => emitBlock(name, lowered, width)),
  '\n',
)}
${note`${copied}${imageBlocks} blocks of up to ${imagesPerTask} images, ${channelBlocks} of channels.`}
${head('static void', name, 'void *const *p, int64_t task')}
${taskRange(lowered)}${images.load}  const ${type} *w = (const ${type} *)${packed}${weightOffset(lowered)};
  vf *all = (vf *)(${scratch} + ${images.bytes});
  const int64_t begin = task % ${channelBlocks} * ${perBlock}, end = min64(begin + ${perBlock}, ${full + (rest > 0 ? 1 : 0)});
  for (int64_t t = begin; t < end; t++) {
${whole}${remainder}  }
${endOfTask(lowered, taskSums, emit`begin * ${block}`, emit`min64(end * ${block}, ${c.n})`, perBlock * tile.vectors)}}
`;
  const pack = weightInPlace || !summed ? [] : [{ name: name.and('_pack'), tasks: packTasks(packing) }];
  return { code, launches: [...pack, { name, tasks: copies * imageBlocks * channelBlocks }] };
}

/** What a task of a convolution adds up of the images and channels that it made, unless those are a group's. */
function endOfTask(
  { c, imagesPerTask, imageBlocks, channelBlocks }: Lowered,
  taskSums: TaskSums,
  from: Code,
  to: Code,
  vectors: number,
): Code {
  if (c.batch * c.groups > 1) return '';
  const positions = c.outHeight * c.outWidth;
  return taskSums.endTask({
    parts: { count: imageBlocks, length: imagesPerTask * positions },
    part: emit`task / ${channelBlocks}`,
    begin: emit`first * ${positions}`,
    end: emit`last * ${positions}`,
    channels: { from, to, vectors },
  });
}

/** The contraction as one of small groups, if its kernels can compute all that the plan put in the group. */
function depthwiseIn(context: KernelContext, geometry: ContractionGeometry): Depthwise | undefined {
  const { anchor, target } = context;
  const placed = anchor.inputs.some((id) => context.isMember(id));
  const depthwise = fusedPool(context) !== undefined || placed ? undefined : depthwiseOf(anchor, geometry, target);
  return depthwise !== undefined && (geometry.computes !== 'w' || isDepthwiseGradient(depthwise)) ? depthwise : undefined;
}

/** C of a contraction, without the sums over rows that no task takes. */
function emitProducts(context: KernelContext, taskSums: TaskSums): Kernel {
  const { anchor } = context;
  const geometry = contractionGeometry(
    anchor,
    anchor.inputs.map((id) => context.type(id)),
  );
  const depthwise = depthwiseIn(context, geometry);
  if (depthwise !== undefined) {
    if (geometry.computes === 'w') return emitDepthwiseGradient(context, geometry, depthwise);
    return emitDepthwise(context, geometry, depthwise, taskSums);
  }
  const product = transposedProduct(context, geometry);
  if (product !== undefined) return emitTransposedProduct(context, product);
  return geometry.computes === 'w' ? emitWeightGradient(context, geometry) : emitConvolution(context, geometry, taskSums);
}

/** C of a contraction group. */
export function emitContraction(context: KernelContext): Kernel {
  const taskSums = new TaskSums(context);
  return taskSums.complete(emitProducts(context, taskSums));
}
