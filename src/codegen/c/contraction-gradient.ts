import { type WeightGradient, weightGradientOf } from './contraction-geometry.js';
import { emitStage, type Staging, stagedSize } from './contraction-stage.js';
import { type Compute, chooseGradientTile, emitGradientTile, STAGED } from './contraction-tile.js';
import { Scope } from './expression.js';
import { C_TYPE, type Kernel, type KernelContext } from './kernel.js';

/** Bytes of sums that one task adds to for image after image; stays in a second-level cache. */
const SLICE = 192 * 1024;
/** Independent pieces of work to aim at, whatever the number of threads: the partition decides the order of the sums. */
const PIECES = 16;
/** Bytes of staged images that a task goes through at a time. */
const STAGED_BLOCK = 256 * 1024;

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
  const columns = g.run / g.channels;
  if (g.channels % lanes !== 0) {
    const taps = Array.from({ length: g.kernelRows }, (_, r) => ({ offset: r * g.stagedWidth * g.channels, row: r * g.run }));
    return { count: 1, channels: g.channels, taps, run: g.run };
  }
  const taps = Array.from({ length: g.kernelRows * columns }, (_, t) => ({
    offset: (Math.floor(t / columns) * g.stagedWidth + (t % columns)) * lanes,
    row: t * g.channels,
  }));
  return { count: g.channels / lanes, channels: lanes, taps, run: lanes };
}

/** How the weight and the batch are shared out to tasks; depends on shapes only. */
interface Partition {
  readonly blocksPerSlice: number;
  readonly blockSlices: number;
  readonly tilesPerSlice: number;
  readonly channelSlices: number;
  /** Parts of the batch with sums of their own. */
  readonly chunks: number;
  /** Images (or pairs) of a part. */
  readonly perChunk: number;
}

function partition(blocks: number, blockBytes: number, channelTiles: number, groups: number): Partition {
  let blocksPerSlice = blocks;
  let tilesPerSlice = channelTiles;
  const bytes = () => (blocksPerSlice * tilesPerSlice * blockBytes) / channelTiles;
  while (bytes() > SLICE && (blocksPerSlice > 1 || tilesPerSlice > 1)) {
    if (blocksPerSlice >= tilesPerSlice) blocksPerSlice = Math.ceil(blocksPerSlice / 2);
    else tilesPerSlice = Math.ceil(tilesPerSlice / 2);
  }
  const blockSlices = Math.ceil(blocks / blocksPerSlice);
  const channelSlices = Math.ceil(channelTiles / tilesPerSlice);
  const wanted = Math.max(1, Math.min(Math.ceil(groups / 2), Math.ceil(PIECES / (blockSlices * channelSlices))));
  // Parts are alike in size, so that many may be more than it takes: 33 images in 16 parts are 11 of three.
  const perChunk = Math.ceil(groups / wanted);
  return { blocksPerSlice, blockSlices, tilesPerSlice, channelSlices, chunks: Math.ceil(groups / perChunk), perChunk };
}

/** C function that brings the channels of `count` blocks of one image (or a pair) into blocks with zeros around them. */
function emitStageBlocks(name: string, dtype: 'f32' | 'f16' | 'bf16', compute: Compute, g: WeightGradient, lanes: number): string {
  const { type } = STAGED[compute];
  const size = g.stagedHeight * g.stagedWidth * lanes;
  const rowSize = g.stagedWidth * lanes;
  const zeros = (address: string, count: number) => (count > 0 ? `      memset(${address}, 0, ${count * 4});\n` : '');
  const below = (g.stagedHeight - g.haloTop - g.height) * rowSize;
  const right = (g.stagedWidth - g.haloLeft - g.width) * lanes;
  const edges = `${zeros('out', g.haloTop * rowSize)}${zeros(`out + ${(g.haloTop + g.height) * rowSize}`, below)}`;
  const sides = `${zeros('row_out', g.haloLeft * lanes)}${zeros(`row_out + ${(g.haloLeft + g.width) * lanes}`, right)}`;
  const value =
    compute === 'f32'
      ? `store_f32(to, load_${dtype}(first + from));`
      : 'store_vu(to, pair_up(load_h(first + from), second == NULL ? (vh){0} : load_h(second + from)));';
  return `static void ${name}(const ${C_TYPE[dtype]} *first, const ${C_TYPE[dtype]} *second, ${type} *staged, int64_t count) {
  (void)second;
${
  edges === ''
    ? ''
    : `  for (int64_t block = 0; block < count; block++) {
    ${type} *out = staged + block * ${size};
    {
${edges}    }
  }
`
}  for (int64_t row = 0; row < ${g.height}; row++) {
${
  sides === ''
    ? ''
    : `    for (int64_t block = 0; block < count; block++) {
      ${type} *row_out = staged + block * ${size} + (row + ${g.haloTop}) * ${rowSize};
${sides}    }
`
}    for (int64_t column = 0; column < ${g.width}; column++) {
      for (int64_t block = 0; block < count; block++) {
        const int64_t from = (row * ${g.width} + column) * ${g.channels} + block * LANES;
        ${type} *to = staged + block * ${size} + ((row + ${g.haloTop}) * ${g.stagedWidth} + column + ${g.haloLeft}) * LANES;
        ${value}
      }
    }
  }
}
`;
}

/** C function that brings `width` vectors of dy's channels, from `n` on, of one image (or a pair) side by side. */
function emitStageDy(
  name: string,
  dtype: 'f32' | 'f16' | 'bf16',
  compute: Compute,
  g: WeightGradient,
  width: number,
  lanes: number,
): string {
  const { type } = STAGED[compute];
  const part = g.n % lanes !== 0;
  const kind = compute === 'f32' ? dtype : 'h';
  const load = (image: string) =>
    part ? `load_${kind}_part(${image} + from, min64(LANES, ${g.n} - channel))` : `load_${kind}(${image} + from)`;
  const value =
    compute === 'f32'
      ? `store_f32(to, ${load('first')});`
      : `store_vu(to, pair_up(${load('first')}, second == NULL ? (vh){0} : ${load('second')}));`;
  return `static void ${name}(const ${C_TYPE[dtype]} *first, const ${C_TYPE[dtype]} *second, ${type} *staged, int64_t n) {
  (void)second;
  for (int64_t position = 0; position < ${g.outHeight * g.outWidth}; position++) {
    for (int64_t v = 0; v < ${width}; v++) {
      const int64_t channel = n + v * LANES, from = position * ${g.n} + channel;
      ${type} *to = staged + (position * ${width} + v) * LANES;
      ${value}
    }
  }
}
`;
}

/**
 * The same from the gradient of a 2x2 max pool's result and the pool's index: each number goes to one corner of its window, zeros to the
 * others. \`which\` points at the indices of the same elements.
 */
function emitStagePooledDy(
  name: string,
  dtype: 'f32' | 'f16' | 'bf16',
  compute: Compute,
  g: WeightGradient,
  width: number,
  lanes: number,
): string {
  const { type } = STAGED[compute];
  const [windowRows, windowColumns] = [g.outHeight / 2, g.outWidth / 2];
  const load = (kind: string, from: string) =>
    g.n % lanes === 0 ? `load_${kind}(${from} + from)` : `load_${kind}_part(${from} + from, min64(LANES, ${g.n} - channel))`;
  const pair = (kind: string, first: string, second: string) =>
    `pair_up(${load(kind, first)}, second == NULL ? (vh){0} : ${load(kind, second)})`;
  const value =
    compute === 'f32'
      ? `const vf value = ${load(dtype, 'first')}, place = ${load('u8', 'which')};`
      : `const vu value = ${pair('h', 'first', 'second')}, place = ${pair('h_u8', 'which', 'which2')};`;
  const corner = (q: number) => {
    const to = `to + ${((q >> 1) * g.outWidth + (q & 1)) * width * lanes}`;
    return compute === 'f32'
      ? `store_f32(${to}, vf_and(place == vf_set(${q}.0f), value));`
      : `store_vu(${to}, halves_where(place, ${q}, value));`;
  };
  const unused = compute === 'f32' ? '  (void)second, (void)which2;\n' : '';
  return `static void ${name}(const ${C_TYPE[dtype]} *first, const ${C_TYPE[dtype]} *second, const uint8_t *which, const uint8_t *which2, ${type} *staged, int64_t n) {
${unused}  for (int64_t row = 0; row < ${windowRows}; row++) {
    for (int64_t column = 0; column < ${windowColumns}; column++) {
      for (int64_t v = 0; v < ${width}; v++) {
        const int64_t channel = n + v * LANES, from = (row * ${windowColumns} + column) * ${g.n} + channel;
        ${type} *to = staged + ((row * ${2 * g.outWidth} + column * 2) * ${width} + v) * LANES;
        ${value}
${[0, 1, 2, 3].map((q) => `        ${corner(q)}\n`).join('')}      }
    }
  }
}
`;
}

/** `count` and the remainder of dividing `total` into pieces of it, without zeros or repeats. */
function sizes(total: number, count: number): number[] {
  const rest = total % count;
  return [...(total >= count ? [count] : []), ...(rest > 0 ? [rest] : [])];
}

/**
 * C of a weight gradient. Each task owns a slice of the weight and a part of the batch; the sums of the parts are added in order. bf16 pairs
 * hold the same element of two images, so that the products of both add up in one instruction.
 */
export function emitWeightGradient(context: KernelContext): Kernel {
  const node = context.anchor;
  const { target, name } = context;
  const { lanes } = target;
  const types = node.inputs.map((id) => context.type(id));
  const paired = types.every((type) => type.dtype === 'bf16') && target.bf16Dot;
  const g = weightGradientOf(node, types, paired);
  const compute: Compute = paired && g.images > 1 ? 'bf16' : 'f32';
  const { type, depth } = STAGED[compute];
  const [xType, dyType] = types.map((t) => t.dtype) as ['f32' | 'f16' | 'bf16', 'f32' | 'f16' | 'bf16'];
  const blocks = blocksOf(g, lanes);
  const vectors = Math.ceil(g.n / lanes);
  const paddedN = vectors * lanes;
  const tile = chooseGradientTile(blocks.run, vectors, target);
  const channelTiles = Math.ceil(vectors / tile.vectors);
  const groups = Math.ceil(g.images / depth);
  const rows = g.kernelRows * g.run;
  const part = partition(blocks.count, (rows / blocks.count) * paddedN * 4, channelTiles, groups);

  // A block of images, staged: x for the slice's channels, then dy tile by tile.
  const plain: Staging = {
    dtype: xType,
    form: compute === 'bf16' ? 'image-pairs' : 'f32',
    height: g.height,
    width: g.width,
    channels: g.channels,
    haloTop: g.haloTop,
    haloLeft: g.haloLeft,
    stagedHeight: g.stagedHeight,
    stagedWidth: g.stagedWidth,
  };
  const blockSize = g.stagedHeight * g.stagedWidth * blocks.channels;
  const xImage = blocks.count === 1 ? stagedSize(plain) : blockSize * part.blocksPerSlice;
  const positions = g.outHeight * g.outWidth;
  const dyImage = positions * part.tilesPerSlice * tile.vectors * lanes;
  const { perChunk } = part;
  const together = Math.max(1, Math.min(perChunk, Math.floor(STAGED_BLOCK / ((xImage + dyImage) * 4))));
  const xBytes = Math.ceil((together * xImage * 4) / 64) * 64;
  const scratch = context.scratch(xBytes + together * dyImage * 4 + 64);

  const inPlace = part.chunks === 1 && node.type.dtype === 'f32' && g.n === paddedN && context.group.stores.length > 0;
  const partial = inPlace ? `((char *)${context.output(node.id)})` : context.workspace(part.chunks * rows * paddedN * 4);
  const depths = sizes(blocks.run, tile.depth);
  const widths = sizes(vectors, tile.vectors);
  const loop = (width: number) => ({
    rows: g.outHeight,
    columns: g.outWidth,
    xRow: g.step[0] * g.stagedWidth * blocks.channels,
    xColumn: g.step[1] * blocks.channels,
    xImage,
    dyRow: g.outWidth * width * lanes,
    dyColumn: width * lanes,
    dyImage: positions * width * lanes,
    pitch: paddedN,
  });
  const byDepth = (width: number) =>
    depths.length === 1
      ? `${name}_tile${depths[0]}_${width}(xb + m, dyt, to - from, from == start, out);`
      : `if (m + ${tile.depth} <= ${blocks.run}) ${name}_tile${tile.depth}_${width}(xb + m, dyt, to - from, from == start, out);
            else ${name}_tile${depths.at(-1)}_${width}(xb + m, dyt, to - from, from == start, out);`;
  const placed = context.isMember(g.dy) ? context.node(g.dy) : undefined;
  const [source, dy] = [context.pointer(g.source), context.pointer(placed === undefined ? g.dy : placed.inputs[0]!)];
  const [xSize, dySize] = [g.height * g.width * g.channels, (placed === undefined ? positions : positions / 4) * g.n];
  const second = (pointer: string, size: number, offset: string) =>
    depth === 1 ? 'NULL' : `2 * i + 1 < ${g.images} ? ${pointer} + (2 * i + 1) * ${size}${offset} : NULL`;
  const stageX =
    blocks.count === 1
      ? `${name}_stage(${source} + ${depth} * i * ${xSize}, ${second(source, xSize, '')}, x + (i - from) * ${xImage});`
      : `${name}_stage(${source} + ${depth} * i * ${xSize} + b0 * LANES, ${second(source, xSize, ' + b0 * LANES')}, x + (i - from) * ${xImage}, b1 - b0);`;
  const which = placed === undefined ? undefined : context.pointer(placed.inputs[1]!);
  const places = which === undefined ? '' : `${which} + ${depth} * i * ${dySize}, ${second(which, dySize, '')}, `;
  const perTile = (width: number, indent: string) => `${indent}for (int64_t i = from; i < to; i++)
${indent}  ${name}_stage_dy${width}(${dy} + ${depth} * i * ${dySize}, ${second(dy, dySize, '')}, ${places}dyt + (i - from) * ${positions * width * lanes}, t * ${tile.vectors * lanes});
${indent}for (int64_t b = b0; b < b1; b++) {
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
      : `      if (t < ${Math.floor(vectors / tile.vectors)}) {\n${perTile(tile.vectors, '        ')}      } else {\n${perTile(widths.at(-1)!, '        ')}      }\n`;
  const slices = part.blockSlices * part.channelSlices;
  const stageFunction = blocks.count === 1 ? emitStage(`${name}_stage`, plain) : emitStageBlocks(`${name}_stage`, xType, compute, g, lanes);
  const code = `${stageFunction}
${widths.map((width) => (placed === undefined ? emitStageDy : emitStagePooledDy)(`${name}_stage_dy${width}`, dyType, compute, g, width, lanes)).join('\n')}
${depths.flatMap((d) => widths.map((width) => emitGradientTile(`${name}_tile${d}_${width}`, compute, d, width, loop(width)))).join('\n')}
/* ${part.chunks} parts of the batch, ${slices} slices of the weight. */
static void ${name}(void *const *p, int64_t task) {
  static const int taps[][2] = {${blocks.taps.map(({ offset, row }) => `{${offset}, ${row}}`).join(', ')}};
  const int64_t chunk = task / ${slices}, slice = task % ${slices};
  const int64_t b0 = slice / ${part.channelSlices} * ${part.blocksPerSlice}, b1 = min64(b0 + ${part.blocksPerSlice}, ${blocks.count});
  const int64_t t0 = slice % ${part.channelSlices} * ${part.tilesPerSlice}, t1 = min64(t0 + ${part.tilesPerSlice}, ${channelTiles});
  const int64_t start = chunk * ${perChunk}, end = min64(start + ${perChunk}, ${groups});
  float *dw = (float *)${partial} + chunk * ${rows * paddedN};
  ${type} *x = (${type} *)${scratch}, *dys = (${type} *)(${scratch} + ${xBytes});
  for (int64_t from = start; from < end; from += ${together}) {
    const int64_t to = min64(from + ${together}, end);
    for (int64_t i = from; i < to; i++) ${stageX}
    for (int64_t t = t0; t < t1; t++) {
      ${type} *dyt = dys + (t - t0) * ${together * positions * tile.vectors * lanes};
${tiles}    }
  }
}
${inPlace ? '' : emitReduce(context, rows, paddedN, g.n, part.chunks, partial)}`;
  const reduce = inPlace ? '' : `\nparallel_for(ctx, ${name}_reduce, p, ${Math.ceil(rows / REDUCE_ROWS)});`;
  return { code, launch: `parallel_for(ctx, ${name}, p, ${part.chunks * slices});${reduce}` };
}

const REDUCE_ROWS = 64;

/** Adds the parts of the batch in order and stores the gradient in its format. */
function emitReduce(context: KernelContext, rows: number, pitch: number, n: number, chunks: number, partial: string): string {
  const { name, group, target } = context;
  const partLanes = n % target.lanes !== 0;
  const scope = new Scope(context, { index: 'index', channel: 'n', ...(partLanes && { lanes: 'lanes' }) });
  scope.define(context.anchor.id, 'sum');
  for (const id of group.stores) scope.store(id);
  return `static void ${name}_reduce(void *const *p, int64_t task) {
  for (int64_t row = task * ${REDUCE_ROWS}; row < min64((task + 1) * ${REDUCE_ROWS}, ${rows}); row++) {
    for (int64_t n = 0; n < ${n}; n += LANES) {
      const float *in = (const float *)${partial} + row * ${pitch} + n;
      const int64_t index = row * ${n} + n;
${partLanes ? `      const int64_t lanes = min64(LANES, ${n} - n);\n` : ''}      vf sum = load_f32(in);
      for (int64_t chunk = 1; chunk < ${chunks}; chunk++) sum += load_f32(in + chunk * ${rows * pitch});
${scope.statements.map((line) => `      ${line}\n`).join('')}    }
  }
}
`;
}
