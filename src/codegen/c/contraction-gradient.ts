import { weightGradientOf, type WeightGradient } from './contraction-geometry.js';
import { emitStage, isStagedAlready, stagedSize, type Staging } from './contraction-stage.js';
import { chooseGradientTile, emitGradientTile, STAGED, type Compute } from './contraction-tile.js';
import { Scope } from './expression.js';
import type { Kernel, KernelContext } from './kernel.js';

/** Bytes of partial sums that one task adds to for image after image; stays in a second-level cache. */
const SLICE = 384 * 1024;
/** Independent pieces of work to aim at, whatever the number of threads: the partition decides the order of the sums. */
const PIECES = 16;
/** Bytes of staged images that a task goes through at a time. */
const STAGED_BLOCK = 192 * 1024;

interface Partition {
  /** Window rows x run pieces, and vectors of channels, of one slice. */
  readonly tilesPerSlice: number;
  readonly vectorsPerSlice: number;
  readonly rowSlices: number;
  readonly channelSlices: number;
  /** Parts of the batch with sums of their own. */
  readonly chunks: number;
}

function partition(tiles: number, tileBytes: number, vectorTiles: number, vectorsPerTile: number, groups: number): Partition {
  const all = tiles * tileBytes * vectorTiles;
  const channelSlices = all > SLICE ? vectorTiles : 1;
  const perChannelSlice = all / channelSlices;
  const rowSlices = Math.min(tiles, Math.ceil(perChannelSlice / SLICE));
  const tilesPerSlice = Math.ceil(tiles / rowSlices);
  const slices = Math.ceil(tiles / tilesPerSlice) * channelSlices;
  const chunks = Math.max(1, Math.min(groups, Math.ceil(PIECES / slices), Math.ceil(groups / 2)));
  return {
    tilesPerSlice,
    vectorsPerSlice: Math.ceil(vectorTiles / channelSlices) * vectorsPerTile,
    rowSlices: Math.ceil(tiles / tilesPerSlice),
    channelSlices,
    chunks,
  };
}

function stagingOf(context: KernelContext, g: WeightGradient, compute: Compute, what: 'x' | 'dy'): Staging {
  const form = compute === 'bf16' ? 'image-pairs' : 'f32';
  if (what === 'x') {
    const { height, width, channels, haloTop, haloLeft, stagedHeight, stagedWidth } = g;
    return { dtype: context.type(g.source).dtype, form, height, width, channels, haloTop, haloLeft, stagedHeight, stagedWidth };
  }
  const shape = { height: g.outHeight, width: g.outWidth, stagedHeight: g.outHeight, stagedWidth: g.outWidth };
  return { dtype: context.type(g.dy).dtype, form, ...shape, channels: g.n, haloTop: 0, haloLeft: 0 };
}

/** C that makes `variable` point at the staged images `from` to `to` (in units of one image or pair). */
function stageBlock(g: WeightGradient, s: Staging, name: string, source: string, scratch: string, variable: string, imageSize: number): string {
  const { type, depth } = s.form === 'f32' ? STAGED.f32 : STAGED.bf16;
  if (isStagedAlready(s)) return `    const ${type} *${variable} = ${source} + from * ${imageSize};\n`;
  const second = depth === 1 ? 'NULL' : `2 * i + 1 < ${g.images} ? ${source} + (2 * i + 1) * ${imageSize} : NULL`;
  return `    ${type} *${variable} = (${type} *)(${scratch});
    for (int64_t i = from; i < to; i++) ${name}(${source} + ${depth} * i * ${imageSize}, ${second}, ${variable} + (i - from) * ${stagedSize(s)});
`;
}

/**
 * C of a weight gradient. Each task owns a slice of the weight and a part of the batch; the sums of the parts are added in order. bf16 pairs
 * hold the same element of two images, so that the products of both add up in one instruction.
 */
export function emitWeightGradient(context: KernelContext): Kernel {
  const node = context.node(context.group.nodes[0]!);
  const { target, name } = context;
  const types = node.inputs.map((id) => context.type(id));
  const paired = types.every((type) => type.dtype === 'bf16') && target.bf16Dot;
  const g = weightGradientOf(node, types, paired);
  const compute: Compute = paired && g.images > 1 ? 'bf16' : 'f32';
  const { depth } = STAGED[compute];
  const lanes = target.lanes;
  const vectors = Math.ceil(g.n / lanes);
  const tile = chooseGradientTile(g.run, vectors, target);
  const pieces = Math.ceil(g.run / tile.depth);
  const tiles = g.kernelRows * pieces;
  const groups = Math.ceil(g.images / depth);
  const part = partition(tiles, tile.depth * tile.vectors * lanes * 4, Math.ceil(vectors / tile.vectors), tile.vectors, groups);

  const x = stagingOf(context, g, compute, 'x');
  // Vectors must not read past a row of dy: an odd number of channels is padded.
  const paddedN = vectors * lanes;
  const dyOwn = stagingOf(context, g, compute, 'dy');
  const dyDirect = isStagedAlready(dyOwn) && g.n === paddedN;
  const perImage = stagedSize(x) + g.outHeight * g.outWidth * paddedN;
  const perChunk = Math.ceil(groups / part.chunks);
  const block = Math.max(1, Math.min(perChunk, Math.floor(STAGED_BLOCK / (perImage * 4))));
  const xBytes = isStagedAlready(x) ? 0 : Math.ceil((block * stagedSize(x) * 4) / 64) * 64;
  const dyBytes = dyDirect ? 0 : block * g.outHeight * g.outWidth * paddedN * 4;
  const scratch = context.scratch(xBytes + dyBytes + 64);

  const rows = g.kernelRows * g.run;
  const output = context.group.stores[0] === undefined ? undefined : node.id;
  const inPlace = part.chunks === 1 && node.type.dtype === 'f32' && g.n === paddedN && output !== undefined;
  const partial = inPlace ? `((char *)${context.output(node.id)})` : context.workspace(part.chunks * rows * paddedN * 4);
  const depths = [...new Set([tile.depth, ...(g.run % tile.depth > 0 ? [g.run % tile.depth] : [])])].filter((d) => d <= g.run);
  const widths = [...new Set([tile.vectors, ...(vectors % tile.vectors > 0 ? [vectors % tile.vectors] : [])])].filter((v) => v <= vectors);
  const loop = {
    rows: g.outHeight,
    columns: g.outWidth,
    xRow: g.step[0] * g.stagedWidth * g.channels,
    xColumn: g.step[1] * g.channels,
    xImage: stagedSize(x),
    dyRow: g.outWidth * paddedN,
    dyColumn: paddedN,
    dyImage: g.outHeight * g.outWidth * paddedN,
    pitch: paddedN,
  };
  const tileCall = (d: number, v: number) => `${name}_tile${d}_${v}(x + row * ${g.stagedWidth * g.channels} + m, dy + n, to - from, out)`;
  const byWidth = (d: number) =>
    widths.length === 1 ? `${tileCall(d, widths[0]!)};` : `if (n + ${tile.vectors * lanes} <= ${paddedN}) ${tileCall(d, tile.vectors)};\n          else ${tileCall(d, vectors % tile.vectors)};`;
  const byDepth =
    depths.length === 1 ? byWidth(depths[0]!) : `if (m + ${tile.depth} <= ${g.run}) {\n          ${byWidth(tile.depth)}\n        } else {\n          ${byWidth(g.run % tile.depth)}\n        }`;
  const dyStaging: Staging = dyOwn;
  const stageDy = dyDirect
    ? stageBlock(g, dyStaging, '', context.pointer(g.dy), '', 'dy', g.outHeight * g.outWidth * g.n)
    : stagePaddedDy(g, dyStaging, `${name}_stage_dy`, context.pointer(g.dy), `${scratch} + ${xBytes}`, paddedN);
  const code = `${isStagedAlready(x) ? '' : `${emitStage(`${name}_stage`, x)}\n`}${dyDirect ? '' : `${emitStage(`${name}_stage_dy`, paddedRows(dyStaging, paddedN))}\n`}${depths
    .flatMap((d) => widths.map((v) => emitGradientTile(`${name}_tile${d}_${v}`, compute, d, v, loop)))
    .join('\n')}
/* ${part.chunks} parts of the batch, ${part.rowSlices * part.channelSlices} slices of the weight. */
static void ${name}(void *const *p, int64_t task) {
  const int64_t chunk = task / ${part.rowSlices * part.channelSlices}, slice = task % ${part.rowSlices * part.channelSlices};
  const int64_t tile0 = slice / ${part.channelSlices} * ${part.tilesPerSlice}, tile1 = min64(tile0 + ${part.tilesPerSlice}, ${tiles});
  const int64_t n0 = slice % ${part.channelSlices} * ${part.vectorsPerSlice * lanes}, n1 = min64(n0 + ${part.vectorsPerSlice * lanes}, ${paddedN});
  const int64_t end = min64((chunk + 1) * ${perChunk}, ${groups});
  float *dw = (float *)${partial} + chunk * ${rows * paddedN};
  for (int64_t t = tile0; t < tile1; t++) {
    const int64_t m = t % ${pieces} * ${tile.depth}, row = t / ${pieces} * ${g.run} + m;
    for (int64_t i = 0; i < min64(${tile.depth}, ${g.run} - m); i++) memset(dw + (row + i) * ${paddedN} + n0, 0, (size_t)(n1 - n0) * 4);
  }
  for (int64_t from = chunk * ${perChunk}; from < end; from += ${block}) {
    const int64_t to = min64(from + ${block}, end);
${stageBlock(g, x, `${name}_stage`, context.pointer(g.source), scratch, 'x', g.height * g.width * g.channels)}${stageDy}    for (int64_t t = tile0; t < tile1; t++) {
      const int64_t row = t / ${pieces}, m = t % ${pieces} * ${tile.depth};
      for (int64_t n = n0; n < n1; n += ${tile.vectors * lanes}) {
        float *out = dw + (row * ${g.run} + m) * ${paddedN} + n;
        ${byDepth}
      }
    }
  }
}
${inPlace ? '' : emitReduce(context, rows, paddedN, g.n, part.chunks, partial)}`;
  const tasks = part.chunks * part.rowSlices * part.channelSlices;
  const reduce = inPlace ? '' : `\nparallel_for(ctx, ${name}_reduce, p, ${Math.ceil(rows / REDUCE_ROWS)});`;
  return { code, launch: `parallel_for(ctx, ${name}, p, ${tasks});${reduce}` };
}

const REDUCE_ROWS = 64;

/** Adds the parts of the batch in order and stores the gradient in its format. */
function emitReduce(context: KernelContext, rows: number, pitch: number, n: number, chunks: number, partial: string): string {
  const { name, group, target } = context;
  const partLanes = n % target.lanes !== 0;
  const scope = new Scope(context, { index: 'index', channel: 'n', ...(partLanes && { lanes: 'lanes' }) });
  scope.define(group.nodes[0]!, 'sum');
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

/** dy as if every position were an image row of its own, so that each starts at a multiple of the padded width. */
function paddedRows(s: Staging, paddedN: number): Staging {
  if (s.channels === paddedN) return s;
  return { ...s, height: s.height * s.width, stagedHeight: s.height * s.width, width: s.channels, channels: 1, stagedWidth: paddedN };
}

function stagePaddedDy(g: WeightGradient, s: Staging, name: string, source: string, scratch: string, paddedN: number): string {
  const staged = paddedRows(s, paddedN);
  return stageBlock(g, staged, name, source, scratch, 'dy', g.outHeight * g.outWidth * g.n);
}
