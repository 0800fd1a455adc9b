import { emitFinish } from './contraction-finish.js';
import type { Convolution } from './contraction-geometry.js';
import { sizes } from './contraction-gradient-parts.js';
import { stagingOf, taskImages } from './contraction-images.js';
import { type Staging, stagedSize, stagedType } from './contraction-stage.js';
import { emitTile } from './contraction-tile.js';
import { cType } from './formats.js';
import type { Kernel, KernelContext } from './kernel.js';
import { chooseTile, type Tile } from './tile-choice.js';
import { CACHE_LINE, type Filtering, methodOf, TAPS } from './winograd.js';
import { RESULT_TILES, type Winograd } from './winograd-choice.js';
import { emitProduct, emitSandwich } from './winograd-transform.js';
import { emitWeights, weightPitch } from './winograd-weights.js';

/** Fewer tasks than this leave cores idle, so channels are shared out too. */
const ENOUGH_TASKS = 8;

/**
 * C function that computes a tile without the detour, for inputs that are not finite: they would reach results whose windows do not hold
 * them.
 */
function emitPlain(context: KernelContext, c: Convolution, { filter, taps }: Winograd, staging: Staging): string {
  const { dtype } = context.type(c.weight);
  const number = staging.form === 'f32' ? '' : `${staging.dtype}_to_f32`;
  const inLane = `load_${dtype}_part(in + ((int64_t)taps[tap] * ${c.n} + n + lane) * ${c.k} + k, 1)[0]`;
  const weight = c.transposed
    ? `vf w;
        for (int64_t lane = 0; lane < LANES; lane++) w[lane] = ${inLane};`
    : `const vf w = load_${dtype}(in + ((int64_t)taps[tap] * ${c.k} + k) * ${c.n} + n);`;
  const row = `i / ${filter.results} + tap / ${TAPS}`;
  const column = `i % ${filter.results} + tap % ${TAPS}`;
  const parameters = `void *const *p, const ${stagedType(staging)} *x, vf *sums, int64_t n`;
  return `static __attribute__((noinline, cold)) void ${context.name}_plain(${parameters}) {
  static const int taps[] = {${taps.join(', ')}};
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
  const vectors = c.n / target.lanes;
  const tileFor = (images: number) => chooseTile(1, Math.min(RESULT_TILES, images * down * across), vectors, false, target);
  let imagesPerTask = Math.max(1, Math.min(c.images, Math.round(RESULT_TILES / (down * across))));
  const tasks = () => Math.ceil(c.images / imagesPerTask) * Math.ceil(vectors / tileFor(imagesPerTask).vectors);
  while (imagesPerTask > 1 && tasks() < ENOUGH_TASKS) imagesPerTask = Math.ceil(imagesPerTask / 2);
  const tile = tileFor(imagesPerTask);
  const channelTiles = Math.ceil(vectors / tile.vectors);
  const imageBlocks = Math.ceil(c.images / imagesPerTask);
  return {
    down,
    across,
    tile,
    block: Math.ceil(Math.min(RESULT_TILES, imagesPerTask * down * across) / tile.columns) * tile.columns,
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
export function emitWinograd(context: KernelContext, c: Convolution, winograd: Winograd, pool: number | undefined): Kernel {
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
  const channelPitch = `${weightPitch(tile.vectors * lanes, c.k)} * ${allPoints}`;
  const packed = context.workspace(allPoints * channelTiles * Number(weightPitch(tile.vectors * lanes, c.k)) * 4);
  const corners = [0, results - 1, results * (results - 1), results ** 2 - 1].map((i) => `sums[${i}]`).join(' + ');
  const stagedAt = `* ${stagedSize(staging)} + (row * ${c.stagedWidth} + column) * ${c.k}`;
  const operands = `void *const *p, const ${xType} *x, const float *v, const float *w, vf *products`;
  const weights = (width: number) => `w + point * ${weightPitch(width * lanes, c.k)}`;
  const products = (width: number) => `products + point * ${productPitch(width)} + t * ${width}`;
  const channels = (width: number) => `/* All tiles of a block, ${width} vectors of channels: products, then results. */
static void ${name}_channels${width}(${operands}, int64_t image, int64_t from, int64_t count, int64_t n) {
  for (int64_t point = 0; point < ${allPoints}; point++) {
    for (int64_t t = 0; t < count; t += ${tile.columns})
      ${name}_tile${width}(v + (t * ${allPoints} + point) * ${c.k}, ${weights(width)}, ${name}_runs, 1, 1, ${products(width)});
  }
  for (int64_t t = 0; t < count; t++) {
    const int64_t offset = (from + t) / ${perImage}, row = ${name}_row(from + t), column = ${name}_column(from + t);
    for (int64_t v = 0; v < ${width}; v++) {
      vf sums[${results ** 2}];
      ${name}_results(products + t * ${width} + v, ${productPitch(width)}, sums);
      if (!vf_all_finite(${corners})) ${name}_plain(p, x + offset ${stagedAt}, sums, n + v * LANES);
      ${name}_finish(p, sums, image + offset, row, column, n + v * LANES);
    }
  }
}
`;
  const call = (width: number) =>
    `${name}_channels${width}(p, x, v, w + t * ${channelPitch}, products, first, from, count, t * ${tile.vectors * lanes});`;
  const [whole, rest] = widths.map(call);
  const calls = rest === undefined ? whole! : `if (t < ${Math.floor(vectors / tile.vectors)}) ${whole!}\n      else ${rest}`;
  const start = winograd.row === 0 && winograd.column === 0 ? '' : `  x += ${(winograd.row * c.stagedWidth + winograd.column) * c.k};\n`;
  const load = staging.form === 'f32' ? 'load_f32' : `load_${dtype}`;
  const loadInput = `${load}(from + (row * ${c.stagedWidth} + column) * ${c.k} + k)`;
  const storeInput = `store_f32(to + (row * ${points} + column) * ${c.k} + k, y[column])`;
  const product = `products[(row * ${points} + column) * pitch]`;
  const code = `static const int ${name}_runs[][2] = {{0, ${c.k}}};
${emitWeights(context, c, winograd, tile.vectors, packed)}
${images.code}
/* First row and column of a tile; the last ones end at the edge, so they may overlap their neighbours. */
INLINE int64_t ${name}_row(int64_t at) { return min64(at % ${perImage} / ${across} * ${results}, ${c.outHeight - results}); }
INLINE int64_t ${name}_column(int64_t at) { return min64(at % ${across} * ${results}, ${c.outWidth - results}); }

${emitProduct(`${name}_input_line`, filter.input)}
/* One tile of the staged image, all channels: for each point, the channels in order. */
static void ${name}_inputs(const ${xType} *from, float *to) {
  for (int64_t k = 0; k < ${c.k}; k += LANES) {
${emitSandwich(`${name}_input_line`, filter.input, loadInput, storeInput, '    ')}  }
}

${emitProduct(`${name}_result_line`, filter.output)}
static void ${name}_results(const vf *products, int64_t pitch, vf *sums) {
${emitSandwich(`${name}_result_line`, filter.output, product, `sums[row * ${results} + column] = y[column]`, '  ')}}

${emitPlain(context, c, winograd, staging)}
${widths.map((width) => emitTile(`${name}_tile${width}`, 'f32', { ...tile, vectors: width }, 0, allPoints * c.k, width * lanes)).join('\n')}
${emitFinish(context, `${name}_finish`, c, { rows: results, columns: results, vectors: 1 }, pool)}
${widths.map(channels).join('\n')}
/* ${imageBlocks} blocks of up to ${imagesPerTask} images; ${block} tiles of ${results}x${results} results at once. */
static void ${name}(void *const *p, int64_t task) {
  const int64_t first = task / ${channelBlocks} * ${imagesPerTask}, last = min64(first + ${imagesPerTask}, ${c.images});
${images.load}${start}  float *v = (float *)(${scratch} + ${images.bytes});
  vf *products = (vf *)(${scratch} + ${images.bytes + inputBytes});
  const float *w = (const float *)${packed};
  const int64_t tiles = (last - first) * ${perImage};
  const int64_t begin = task % ${channelBlocks} * ${perChannelBlock}, end = min64(begin + ${perChannelBlock}, ${channelTiles});
  for (int64_t from = 0; from < tiles; from += ${block}) {
    const int64_t count = min64(${block}, tiles - from), whole = (count + ${tile.columns - 1}) / ${tile.columns} * ${tile.columns};
    for (int64_t t = 0; t < count; t++) {
      const int64_t row = ${name}_row(from + t), column = ${name}_column(from + t);
      ${name}_inputs(x + (from + t) / ${perImage} ${stagedAt}, v + t * ${allPoints * c.k});
    }
    memset(v + count * ${allPoints * c.k}, 0, (whole - count) * ${allPoints * c.k * 4});
    for (int64_t t = begin; t < end; t++) {
      ${calls}
    }
  }
}
`;
  return {
    code,
    launches: [
      { name: `${name}_pack`, tasks: (channelTiles * c.k) / lanes },
      { name, tasks: imageBlocks * channelBlocks },
    ],
    method: methodOf(filter, results),
  };
}
