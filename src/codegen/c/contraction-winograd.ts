import { type Code, emit, fixed, joined } from '../code.js';
import { emitFinish } from './contraction-finish.js';
import type { Convolution } from './contraction-geometry.js';
import { sizes } from './contraction-gradient-parts.js';
import { stagingOf, taskImages } from './contraction-images.js';
import { type Staging, stagedSize, stagedType } from './contraction-stage.js';
import { emitTile } from './contraction-tile.js';
import { cType } from './formats.js';
import type { Kernel, KernelContext } from './kernel.js';
import { arraySize, called, head, note, numberTable, pairTable } from './kernel-code.js';
import type { TaskSums } from './task-sums.js';
import { chooseTile, type Tile } from './tile-choice.js';
import { CACHE_LINE, type Filtering, methodOf, TAPS } from './winograd.js';
import { resultTiles, type Winograd } from './winograd-choice.js';
import { emitProduct, emitSandwich } from './winograd-transform.js';
import { emitWeights, weightPitch } from './winograd-weights.js';

/** Fewer tasks than this leave cores idle, so channels are shared out too. */
const ENOUGH_TASKS = 8;

/**
 * C function that computes a tile without the detour, for inputs that are not finite: they would reach results whose windows do not hold
 * them.
 */
function emitPlain(context: KernelContext, c: Convolution, { filter, taps }: Winograd, staging: Staging): Code {
  const { dtype } = context.type(c.weight);
  const number = staging.form === 'f32' ? '' : `${staging.dtype}_to_f32`;
  const inLane = emit`load_${dtype}_part(in + ((int64_t)taps[tap] * ${c.n} + n + lane) * ${c.k} + k, 1)[0]`;
  const weight = c.transposed
    ? emit`vf w;
        for (int64_t lane = 0; lane < LANES; lane++) w[lane] = ${inLane};`
    : emit`const vf w = load_${dtype}(in + ((int64_t)taps[tap] * ${c.k} + k) * ${c.n} + n);`;
  const row = `i / ${filter.results} + tap / ${TAPS}`;
  const column = `i % ${filter.results} + tap % ${TAPS}`;
  const parameters = `void *const *p, const ${stagedType(staging)} *x, vf *sums, int64_t n`;
  return emit`${head('static __attribute__((noinline, cold)) void', context.name.and('_plain'), emit`${parameters}`)}
  ${numberTable('taps', taps)}
  const ${cType(dtype)} *in = ${context.pointer(c.weight)};
  for (int64_t i = 0; i < ${filter.results ** 2}; i++) sums[i] = (vf){0};
  for (int64_t tap = 0; tap < ${TAPS ** 2}; tap++) {
    for (int64_t k = 0; k < ${c.k}; k++) {
        ${weight}
        for (int64_t i = 0; i < ${filter.results ** 2}; i++)
          sums[i] += vf_set(${number}(x[((${row}) * ${c.stagedWidth} + ${column}) * ${c.k} + k])) * w;
    }
  }
}
`;
}

interface Shares {
  /** Tiles of results of one image, down and across. */
  readonly down: number;
  readonly across: number;
  /** Tiles by vectors of channels whose products are summed in registers. */
  readonly tile: Tile;
  /** Tiles at once. */
  readonly block: number;
  readonly imagesPerTask: number;
  readonly imageBlocks: number;
  readonly channelTiles: number;
  /** Channel tiles of a task. */
  readonly perChannelBlock: number;
}

function shareOut(c: Convolution, filter: Filtering, context: KernelContext): Shares {
  const { target } = context;
  const [down, across] = [Math.ceil(c.outHeight / filter.results), Math.ceil(c.outWidth / filter.results)];
  const [vectors, most] = [c.n / target.lanes, resultTiles(filter)];
  const tileFor = (images: number) => chooseTile(1, Math.min(most, images * down * across), vectors, false, target);
  let imagesPerTask = Math.max(1, Math.min(c.images, Math.round(most / (down * across))));
  const tasks = () => Math.ceil(c.images / imagesPerTask) * Math.ceil(vectors / tileFor(imagesPerTask).vectors);
  while (imagesPerTask > 1 && tasks() < ENOUGH_TASKS) imagesPerTask = Math.ceil(imagesPerTask / 2);
  const tile = tileFor(imagesPerTask);
  const channelTiles = Math.ceil(vectors / tile.vectors);
  const imageBlocks = Math.ceil(c.images / imagesPerTask);
  return {
    down,
    across,
    tile,
    block: Math.ceil(Math.min(most, imagesPerTask * down * across) / tile.columns) * tile.columns,
    imagesPerTask,
    imageBlocks,
    channelTiles,
    // Twice as many tasks as are enough: they are large, and a last one that runs alone costs more than inputs transformed twice.
    perChannelBlock:
      imageBlocks >= ENOUGH_TASKS ? channelTiles : Math.max(1, Math.floor((channelTiles * imageBlocks) / (2 * ENOUGH_TASKS))),
  };
}

/**
 * C of a convolution by Winograd's filtering: weights are transformed once a step; a task transforms a block of tiles, multiplies point by
 * point with all summed channels, and hands each tile's results to what the plan fused behind the convolution.
 */
export function emitWinograd(
  context: KernelContext,
  c: Convolution,
  winograd: Winograd,
  pool: number | undefined,
  taskSums: TaskSums,
): Kernel {
  const { name } = context;
  const { lanes } = context.target;
  const { filter } = winograd;
  const { results, points } = filter;
  const allPoints = points ** 2;
  const { down, across, tile, block, imagesPerTask, imageBlocks, channelTiles, perChannelBlock } = shareOut(c, filter, context);
  const channelBlocks = Math.ceil(channelTiles / perChannelBlock);
  const perImage = down * across;
  const vectors = c.n / lanes;
  const widths = sizes(vectors, tile.vectors);
  const { dtype } = context.type(c.source);
  // 16-bit images stay as they are until they are transformed.
  const staging = stagingOf(context, c, dtype === 'f32' || context.isMember(c.source) ? 'f32' : 'joined');
  const images = taskImages(context, c, staging, imagesPerTask);
  const xType = stagedType(staging);
  const inputBytes = block * allPoints * c.k * 4;
  const productPitch = (width: number) => block * width + CACHE_LINE / lanes;
  const scratch = context.scratch(images.bytes + inputBytes + allPoints * productPitch(tile.vectors) * lanes * 4 + 64);
  const channelPitch = emit`${weightPitch(tile.vectors * lanes, c.k)} * ${allPoints}`;
  const packed = context.workspace(allPoints * channelTiles * weightPitch(tile.vectors * lanes, c.k) * 4);
  const corners = joined(
    [0, results - 1, results * (results - 1), results ** 2 - 1].map((i) => emit`sums[${i}]`),
    ' + ',
  );
  const stagedAt = emit`* ${stagedSize(staging)} + (row * ${c.stagedWidth} + column) * ${c.k}`;
  const operands = `void *const *p, const ${xType} *x, const float *v, const float *w, vf *products`;
  const inputs = emit`v + (t * ${allPoints} + point) * ${c.k}`;
  const weights = (width: number) => emit`w + point * ${weightPitch(width * lanes, c.k)}`;
  const products = (width: number) => emit`products + point * ${productPitch(width)} + t * ${width}`;
  const place = emit`row = ${called(name.and('_row'), 'from + t')}, column = ${called(name.and('_column'), 'from + t')}`;
  const channels = (width: number) => emit`${note`All tiles of a block, ${width} vectors of channels: products, then results.`}
${head('static void', name.and(`_channels${width}`), emit`${operands}, int64_t image, int64_t from, int64_t count, int64_t n`)}
  for (int64_t point = 0; point < ${allPoints}; point++) {
    for (int64_t t = 0; t < count; t += ${tile.columns})
      ${called(name.and(`_tile${width}`), inputs, weights(width), name.and('_runs'), '1, 1', products(width))};
  }
  for (int64_t t = 0; t < count; t++) {
    const int64_t offset = (from + t) / ${fixed(perImage)}, ${place};
    for (int64_t v = 0; v < ${width}; v++) {
      vf sums[${arraySize(results ** 2)}];
      ${called(name.and('_results'), emit`products + t * ${width} + v, ${productPitch(width)}, sums`)};
      if (!vf_all_finite(${corners})) ${called(name.and('_plain'), emit`p, x + offset ${stagedAt}, sums, n + v * LANES`)};
      ${called(name.and('_finish'), 'p, sums, image + offset, row, column, n + v * LANES')};
    }
  }
}
`;
  const channelsAt = emit`p, x, v, w + t * ${channelPitch}`;
  const call = (width: number) =>
    emit`${called(name.and(`_channels${width}`), channelsAt, emit`products, first, from, count, t * ${tile.vectors * lanes}`)};`;
  const [whole, rest] = widths.map(call);
  const calls = rest === undefined ? whole! : emit`if (t < ${Math.floor(vectors / tile.vectors)}) ${whole!}\n      else ${rest}`;
  const start =
    winograd.row === 0 && winograd.column === 0 ? '' : emit`  x += ${(winograd.row * c.stagedWidth + winograd.column) * c.k};\n`;
  const load = staging.form === 'f32' ? 'load_f32' : `load_${dtype}`;
  const loadInput = emit`${load}(from + (row * ${c.stagedWidth} + column) * ${c.k} + k)`;
  const storeInput = emit`store_f32(to + (row * ${points} + column) * ${c.k} + k, y[column])`;
  const product = emit`products[(row * ${points} + column) * pitch]`;
  const rowAt = `at % ${perImage} / ${across}`;
  const positions = c.outHeight * c.outWidth;
  const endTask = taskSums.endTask({
    parts: { count: imageBlocks, length: imagesPerTask * positions },
    part: emit`task / ${channelBlocks}`,
    begin: emit`first * ${positions}`,
    end: emit`last * ${positions}`,
    channels: {
      from: emit`begin * ${tile.vectors * lanes}`,
      to: emit`min64(end * ${tile.vectors * lanes}, ${c.n})`,
      vectors: perChannelBlock * tile.vectors,
    },
  });
  const code = emit`${pairTable(name.and('_runs'), [[0, c.k]])}
${emitWeights(context, c, winograd, tile.vectors, packed)}
${images.code}
/* First row and column of a tile; the last ones end at the edge, so they may overlap their neighbours. */
${head('INLINE int64_t', name.and('_row'), 'int64_t at')} return min64(${rowAt} * ${results}, ${c.outHeight - results}); }
${head('INLINE int64_t', name.and('_column'), 'int64_t at')} return min64(at % ${fixed(across)} * ${results}, ${c.outWidth - results}); }

${emitProduct(name.and('_input_line'), filter.input)}
/* One tile of the staged image, all channels: for each point, the channels in order. */
${head('static void', name.and('_inputs'), emit`const ${xType} *from, float *to`)}
  for (int64_t k = 0; k < ${c.k}; k += LANES) {
${emitSandwich(name.and('_input_line'), filter.input, loadInput, storeInput, '    ')}  }
}

${emitProduct(name.and('_result_line'), filter.output)}
${head('static void', name.and('_results'), 'const vf *products, int64_t pitch, vf *sums')}
${emitSandwich(name.and('_result_line'), filter.output, product, emit`sums[row * ${results} + column] = y[column]`, '  ')}}

${emitPlain(context, c, winograd, staging)}
${joined(
  widths.map((width) => emitTile(name.and(`_tile${width}`), 'f32', { ...tile, vectors: width }, 0, allPoints * c.k, width * lanes)),
  '\n',
)}
${emitFinish(context, name.and('_finish'), c, { rows: results, columns: results, vectors: 1 }, { pool })}
${joined(widths.map(channels), '\n')}
${note`${imageBlocks} blocks of up to ${imagesPerTask} images; ${block} tiles of ${results}x${results} results at once.`}
${head('static void', name, 'void *const *p, int64_t task')}
  const int64_t first = task / ${channelBlocks} * ${imagesPerTask}, last = min64(first + ${imagesPerTask}, ${c.images});
${images.load}${start}  float *v = (float *)(${scratch} + ${images.bytes});
  vf *products = (vf *)(${scratch} + ${images.bytes + inputBytes});
  const float *w = (const float *)${packed};
  const int64_t tiles = (last - first) * ${perImage};
  const int64_t begin = task % ${channelBlocks} * ${perChannelBlock}, end = min64(begin + ${perChannelBlock}, ${channelTiles});
  for (int64_t from = 0; from < tiles; from += ${block}) {
    const int64_t count = min64(${block}, tiles - from), whole = (count + ${tile.columns - 1}) / ${fixed(tile.columns)} * ${tile.columns};
    for (int64_t t = 0; t < count; t++) {
      const int64_t ${place};
      ${called(name.and('_inputs'), emit`x + (from + t) / ${fixed(perImage)} ${stagedAt}, v + t * ${allPoints * c.k}`)};
    }
    memset(v + count * ${allPoints * c.k}, 0, (whole - count) * ${allPoints * c.k * 4});
    for (int64_t t = begin; t < end; t++) {
      ${calls}
    }
  }
${endTask}}
`;
  return {
    code,
    launches: [
      { name: name.and('_pack'), tasks: (channelTiles * c.k) / lanes },
      { name, tasks: imageBlocks * channelBlocks },
    ],
    method: methodOf(filter, results),
  };
}
