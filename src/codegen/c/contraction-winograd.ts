import { emitFinish } from './contraction-finish.js';
import type { Convolution } from './contraction-geometry.js';
import { emitPooledStage, emitStage, isStagedAlready, type Staging, stagedBytes, stagedSize, stagedType } from './contraction-stage.js';
import { type Compute, chooseTile, emitTile, STAGED, type Tile } from './contraction-tile.js';
import { C_TYPE, type Kernel, type KernelContext } from './kernel.js';
import { type Filtering, filtering, methodOf } from './winograd.js';
import { emitProduct, emitSandwich } from './winograd-transform.js';

/** Window's rows and columns. */
const TAPS = 3;
/** Tiles of results whose products are kept at once: each transformed weight is read once for all of them. */
const TILES = 48;
/** Transformed weights beyond this come from memory for every block of tiles, a vector in so many cycles. */
const LARGE = 16 * 1024 * 1024;
const READ_CYCLES = 20;
/** Fewer tasks than this leave cores idle, so channels are shared out too. */
const ENOUGH_TASKS = 8;

/** Cycles of transforming one vector of channels of a tile's inputs, its products, and a vector of one summed channel's weights; measured. */
const CYCLES: Readonly<Record<number, { readonly input: number; readonly output: number; readonly weight: number }>> = {
  2: { input: 35, output: 40, weight: 60 },
  4: { input: 105, output: 120, weight: 150 },
};

export interface Winograd {
  readonly filter: Filtering;
  /** The weight's tap at each position of the window. */
  readonly taps: readonly number[];
  /** Where the window begins in the staged image, relative to an output's own position. */
  readonly row: number;
  readonly column: number;
}

function costs(c: Convolution, filter: Filtering, lanes: number, compute: Compute): { winograd: number; direct: number } {
  const [inputs, vectors] = [c.k / lanes, c.n / lanes];
  const tiles = Math.ceil(c.outHeight / filter.results) * Math.ceil(c.outWidth / filter.results);
  const cycles = CYCLES[filter.results]!;
  const products = filter.points ** 2 * c.k * vectors;
  const reading = products * lanes * 4 > LARGE ? (products * READ_CYCLES) / TILES : 0;
  const perTile = products / 2 + reading + cycles.input * inputs + cycles.output * vectors;
  return {
    winograd: tiles * perTile + (cycles.weight * c.k * vectors) / c.images,
    direct: (c.outHeight * c.outWidth * TAPS ** 2 * c.k * vectors) / (2 * STAGED[compute].depth),
  };
}

/**
 * How a 3x3 convolution of stride one is computed by Winograd's filtering, where that takes less time than its products one by one; undefined
 * for all others. Of f32 operands 2x2 results at a time, whose error is no larger than that of the plain sum; of 16-bit operands 4x4, whose error
 * is two to three times the plain sum's, a thousandth of the operands' own rounding.
 */
export function winogradOf(context: KernelContext, c: Convolution, compute: Compute): Winograd | undefined {
  const { lanes } = context.target;
  const filled = c.lattices.filter((l) => l.rows > 0 && l.columns > 0);
  const taps = filled[0]?.taps ?? [];
  const single = filled.length === 1 && [...c.inStep, ...c.outStep].every((step) => step === 1);
  if (!single || taps.length !== TAPS ** 2 || c.k % lanes !== 0 || c.n % lanes !== 0) return undefined;
  const [row, column] = [Math.min(...taps.map((tap) => tap.row)), Math.min(...taps.map((tap) => tap.column))];
  const order = Array.from({ length: TAPS ** 2 }, (_, i) =>
    taps.find((tap) => tap.row - row === Math.floor(i / TAPS) && tap.column - column === i % TAPS),
  );
  if (order.some((tap) => tap === undefined)) return undefined;
  const low = context.type(c.source).dtype !== 'f32' || context.type(c.weight).dtype !== 'f32';
  const sizes = (low ? [4, 2] : [2]).filter((size) => c.outHeight >= size && c.outWidth >= size);
  for (const size of sizes) {
    const filter = filtering(size, TAPS);
    const { winograd, direct } = costs(c, filter, lanes, compute);
    if (winograd < 0.85 * direct) return { filter, taps: order.map((tap) => tap!.weight), row, column };
  }
  return undefined;
}

/** From one point's weights to the next: a little more than they take, or all would fall into the same sets of the caches. */
function pointPitch(width: number | string, k: number): string {
  return typeof width === 'number' ? String(width * k + 16) : `(${width} * ${k} + 16)`;
}

/** C functions that transform the weight: for each tile of channels and each point, the summed channels in order. */
function emitWeights(context: KernelContext, c: Convolution, { filter, taps }: Winograd, tile: Tile, packed: string): string {
  const { name } = context;
  const { lanes } = context.target;
  const { dtype } = context.type(c.weight);
  const source = context.pointer(c.weight);
  const vectors = c.n / lanes;
  const rest = vectors % tile.vectors;
  const width = rest === 0 ? String(tile.vectors) : `(t < ${Math.floor(vectors / tile.vectors)} ? ${tile.vectors} : ${rest})`;
  const transform = (weights: string, k: string) =>
    `${name}_weights(${weights}, out + ${k} * pitch + v * LANES, ${pointPitch('pitch', c.k)});`;
  const load = c.transposed
    ? `      vf lines[${TAPS ** 2}][LANES];
      for (int tap = 0; tap < ${TAPS ** 2}; tap++) {
        for (int i = 0; i < LANES; i++) lines[tap][i] = load_${dtype}(in + ((int64_t)taps[tap] * ${c.n} + v * LANES + i) * ${c.k} + from);
        transpose(lines[tap]);
      }
      for (int i = 0; i < LANES; i++) {
        vf g[${TAPS ** 2}];
        for (int tap = 0; tap < ${TAPS ** 2}; tap++) g[tap] = lines[tap][i];
        ${transform('g', '(from + i)')}
      }
`
    : `      for (int64_t k = from; k < from + LANES; k++) {
        vf g[${TAPS ** 2}];
        for (int tap = 0; tap < ${TAPS ** 2}; tap++) g[tap] = load_${dtype}(in + ((int64_t)taps[tap] * ${c.k} + k) * ${c.n} + v * LANES);
        ${transform('g', 'k')}
      }
`;
  return `${emitProduct(`${name}_weight_line`, filter.weight)}
static void ${name}_weights(const vf *g, float *out, int64_t point) {
${emitSandwich(`${name}_weight_line`, filter.weight, `g[row * ${TAPS} + column]`, `store_f32(out + (row * ${filter.points} + column) * point, y[column])`, '  ')}}

static void ${name}_pack(void *const *p, int64_t task) {
  static const int taps[] = {${taps.join(', ')}};
  const int64_t t = task / ${c.k / lanes}, from = task % ${c.k / lanes} * LANES, pitch = ${width} * LANES;
  const ${C_TYPE[dtype]} *in = ${source} + t * ${tile.vectors * lanes}${c.transposed ? ` * ${c.k}` : ''};
  float *out = (float *)${packed} + t * ${pointPitch(tile.vectors * lanes, c.k)} * ${filter.points ** 2};
  for (int64_t v = 0; v * LANES < pitch; v++) {
${load}  }
}
`;
}

/** C function that computes a tile without the detour, for inputs that are not finite: they would reach results whose windows do not hold them. */
function emitDirect(context: KernelContext, c: Convolution, { filter, taps }: Winograd, xType: string, xNumber: string): string {
  const { dtype } = context.type(c.weight);
  const weight = c.transposed
    ? `vf w;
        for (int64_t lane = 0; lane < LANES; lane++) w[lane] = load_${dtype}_part(in + ((int64_t)taps[tap] * ${c.n} + n + lane) * ${c.k} + k, 1)[0];`
    : `const vf w = load_${dtype}(in + ((int64_t)taps[tap] * ${c.k} + k) * ${c.n} + n);`;
  return `static __attribute__((noinline, cold)) void ${context.name}_direct(void *const *p, const ${xType} *x, vf *sums, int64_t n) {
  static const int taps[] = {${taps.join(', ')}};
  const ${C_TYPE[dtype]} *in = ${context.pointer(c.weight)};
  for (int64_t i = 0; i < ${filter.results ** 2}; i++) sums[i] = (vf){0};
  for (int64_t tap = 0; tap < ${TAPS ** 2}; tap++) {
    for (int64_t k = 0; k < ${c.k}; k++) {
        ${weight}
        for (int64_t i = 0; i < ${filter.results ** 2}; i++)
          sums[i] += vf_set(${xNumber}(x[((i / ${filter.results} + tap / ${TAPS}) * ${c.stagedWidth} + i % ${filter.results} + tap % ${TAPS}) * ${c.k} + k])) * w;
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
  const tile = chooseTile(1, Math.min(TILES, c.images * down * across), vectors, false, target);
  const channelTiles = Math.ceil(vectors / tile.vectors);
  let imagesPerTask = Math.max(1, Math.min(c.images, Math.round(TILES / (down * across))));
  while (imagesPerTask > 1 && Math.ceil(c.images / imagesPerTask) * channelTiles < ENOUGH_TASKS)
    imagesPerTask = Math.ceil(imagesPerTask / 2);
  const imageBlocks = Math.ceil(c.images / imagesPerTask);
  return {
    down,
    across,
    tile,
    block: Math.ceil(Math.min(TILES, imagesPerTask * down * across) / tile.columns) * tile.columns,
    imagesPerTask,
    imageBlocks,
    channelTiles,
    perChannelBlock:
      imageBlocks >= ENOUGH_TASKS ? channelTiles : Math.max(1, Math.floor((channelTiles * imageBlocks) / (2 * ENOUGH_TASKS))),
  };
}

/**
 * C of a convolution by Winograd's filtering: weights are transformed once a step; a task transforms a block of tiles, multiplies point by point
 * with all summed channels, and hands each tile's results to what the plan fused behind the convolution.
 */
export function emitWinograd(context: KernelContext, c: Convolution, winograd: Winograd, pool: number | undefined): Kernel {
  const { name } = context;
  const { lanes } = context.target;
  const { filter } = winograd;
  const { results, points } = filter;
  const square = points ** 2;
  const { down, across, tile, block, imagesPerTask, imageBlocks, channelTiles, perChannelBlock } = shareOut(c, filter, context);
  const vectors = c.n / lanes;
  const full = Math.floor(vectors / tile.vectors);
  const rest = vectors % tile.vectors;
  const widths = [...(full > 0 ? [tile.vectors] : []), ...(rest > 0 ? [rest] : [])];
  const placed = context.isMember(c.source) ? context.node(c.source) : undefined;
  const { dtype } = context.type(c.source);
  // 16-bit images stay as they are until they are transformed.
  const staging: Staging = {
    dtype,
    form: placed === undefined && dtype !== 'f32' ? 'joined' : 'f32',
    height: c.height,
    width: c.width,
    channels: c.k,
    haloTop: c.haloTop,
    haloLeft: c.haloLeft,
    stagedHeight: c.stagedHeight,
    stagedWidth: c.stagedWidth,
  };
  const xType = stagedType(staging);
  const [loadX, xNumber] = xType === 'float' ? ['load_f32', ''] : [`load_${dtype}`, `${dtype}_to_f32`];
  const direct = placed === undefined && isStagedAlready(staging);
  const align = (bytes: number) => Math.ceil(bytes / 64) * 64;
  const imageBytes = direct ? 0 : align(imagesPerTask * stagedSize(staging) * stagedBytes(staging));
  const inputBytes = block * square * c.k * 4;
  // One vector more, so that the points of one tile do not all fall into one set of the cache.
  const productPitch = (width: number) => block * width + 1;
  const scratch = context.scratch(imageBytes + inputBytes + square * productPitch(tile.vectors) * lanes * 4 + 64);
  const packed = context.workspace(square * channelTiles * Number(pointPitch(tile.vectors * lanes, c.k)) * 4);
  const source = context.pointer(placed === undefined ? c.source : placed.inputs[0]!);
  const image = (placed === undefined ? 1 : 1 / 4) * c.height * c.width * c.k;
  const second = placed === undefined ? 'NULL' : `${context.pointer(placed.inputs[1]!)} + image * ${image}`;
  const stage = direct
    ? `  const ${xType} *x = ${source} + first * ${image};\n`
    : `  ${xType} *x = (${xType} *)${scratch};
  for (int64_t image = first; image < last; image++) ${name}_stage(${source} + image * ${image}, ${second}, x + (image - first) * ${stagedSize(staging)});
`;
  const channelBlocks = Math.ceil(channelTiles / perChannelBlock);
  const corners = [0, results - 1, results * (results - 1), results ** 2 - 1].map((i) => `sums[${i}]`).join(' + ');
  const finish = (width: number) => `/* All tiles of a block, ${width} vectors of channels: products, then results. */
static void ${name}_channels${width}(void *const *p, const ${xType} *x, const float *v, const float *w, vf *products, int64_t image, int64_t from, int64_t count, int64_t n) {
  for (int64_t point = 0; point < ${square}; point++) {
    for (int64_t t = 0; t < count; t += ${tile.columns})
      ${name}_tile${width}(v + (t * ${square} + point) * ${c.k}, w + point * ${pointPitch(width * lanes, c.k)}, ${name}_runs, 1, 1, products + point * ${productPitch(width)} + t * ${width});
  }
  for (int64_t t = 0; t < count; t++) {
    const int64_t at = (from + t) % ${down * across}, row = min64(at / ${across} * ${results}, ${c.outHeight - results}), column = min64(at % ${across} * ${results}, ${c.outWidth - results});
    const int64_t offset = (from + t) / ${down * across};
    for (int64_t v = 0; v < ${width}; v++) {
      vf sums[${results ** 2}];
      ${name}_results(products + t * ${width} + v, ${productPitch(width)}, sums);
      if (!vf_all_finite(${corners})) ${name}_direct(p, x + offset * ${stagedSize(staging)} + (row * ${c.stagedWidth} + column) * ${c.k}, sums, n + v * LANES);
      ${name}_finish(p, sums, image + offset, row, column, n + v * LANES);
    }
  }
}
`;
  const channels = (width: number) =>
    `${name}_channels${width}(p, x, v, w + t * ${pointPitch(tile.vectors * lanes, c.k)} * ${square}, products, first, from, count, t * ${tile.vectors * lanes});`;
  const calls = [
    ...(full > 0 ? [`if (t < ${full}) ${channels(tile.vectors)}`] : []),
    ...(rest > 0 ? [`${full > 0 ? 'else ' : ''}${channels(rest)}`] : []),
  ];
  const start = winograd.row === 0 && winograd.column === 0 ? '' : `  x += ${(winograd.row * c.stagedWidth + winograd.column) * c.k};\n`;
  const code = `static const int ${name}_runs[][2] = {{0, ${c.k}}};
${emitWeights(context, c, winograd, tile, packed)}
${direct ? '' : `${(placed === undefined ? emitStage : emitPooledStage)(`${name}_stage`, staging)}\n`}${emitProduct(`${name}_input_line`, filter.input)}
/* One tile of the staged image, all channels: for each point, the channels in order. */
static void ${name}_inputs(const ${xType} *from, float *to) {
  for (int64_t k = 0; k < ${c.k}; k += LANES) {
${emitSandwich(`${name}_input_line`, filter.input, `${loadX}(from + (row * ${c.stagedWidth} + column) * ${c.k} + k)`, `store_f32(to + (row * ${points} + column) * ${c.k} + k, y[column])`, '    ')}  }
}

${emitProduct(`${name}_result_line`, filter.output)}
static void ${name}_results(const vf *products, int64_t pitch, vf *sums) {
${emitSandwich(`${name}_result_line`, filter.output, `products[(row * ${points} + column) * pitch]`, `sums[row * ${results} + column] = y[column]`, '  ')}}

${emitDirect(context, c, winograd, xType, xNumber)}
${widths.map((width) => emitTile(`${name}_tile${width}`, 'f32', { ...tile, vectors: width }, 0, square * c.k, width * lanes)).join('\n')}
${emitFinish(context, `${name}_finish`, c, { rows: results, columns: results, vectors: 1 }, pool)}
${widths.map(finish).join('\n')}
/* ${imageBlocks} blocks of up to ${imagesPerTask} images, ${channelBlocks} of channels; ${block} tiles of ${results}x${results} results at once. */
static void ${name}(void *const *p, int64_t task) {
  const int64_t first = task / ${channelBlocks} * ${imagesPerTask}, last = min64(first + ${imagesPerTask}, ${c.images});
${stage}${start}  float *v = (float *)(${scratch} + ${imageBytes});
  vf *products = (vf *)(${scratch} + ${imageBytes + inputBytes});
  const float *w = (const float *)${packed};
  const int64_t tiles = (last - first) * ${down * across};
  const int64_t begin = task % ${channelBlocks} * ${perChannelBlock}, end = min64(begin + ${perChannelBlock}, ${channelTiles});
  for (int64_t from = 0; from < tiles; from += ${block}) {
    const int64_t count = min64(${block}, tiles - from), whole = (count + ${tile.columns - 1}) / ${tile.columns} * ${tile.columns};
    for (int64_t t = 0; t < count; t++) {
      const int64_t at = (from + t) % ${down * across}, row = min64(at / ${across} * ${results}, ${c.outHeight - results}), column = min64(at % ${across} * ${results}, ${c.outWidth - results});
      ${name}_inputs(x + (from + t) / ${down * across} * ${stagedSize(staging)} + (row * ${c.stagedWidth} + column) * ${c.k}, v + t * ${square * c.k});
    }
    memset(v + count * ${square * c.k}, 0, (whole - count) * ${square * c.k * 4});
    for (int64_t t = begin; t < end; t++) {
${calls.map((line) => `      ${line}\n`).join('')}    }
  }
}
`;
  const pack = `parallel_for(ctx, ${name}_pack, p, ${(channelTiles * c.k) / lanes});`;
  return {
    code,
    launch: `${pack}\nparallel_for(ctx, ${name}, p, ${imageBlocks * channelBlocks});`,
    method: methodOf(filter, results, TAPS),
  };
}
