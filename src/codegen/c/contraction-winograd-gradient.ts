import type { ComputeType } from '../../numeric/formats.js';
import { type Code, emit, fixed, joined } from '../code.js';
import { emitReduce, partition, REDUCE_ROWS, sizes } from './contraction-gradient-parts.js';
import { emitStageBlocks, emitStageDy, emitStagePooledDy } from './contraction-gradient-stage.js';
import { emitGradientTile } from './contraction-tile.js';
import type { WeightGradient } from './gradient-geometry.js';
import type { Kernel, KernelContext } from './kernel.js';
import { called, head, note } from './kernel-code.js';
import { chooseGradientTile } from './tile-choice.js';
import { CACHE_LINE, type Filtering, type Matrix, methodOf, TAPS } from './winograd.js';
import { GRADIENT_RUN, GRADIENT_SLICE, gradientTiles, tilesAtOnce } from './winograd-choice.js';
import { emitProduct, emitSandwich } from './winograd-transform.js';

/**
 * C of the gradient of a convolution's weight by Winograd's filtering. Each task owns a slice of the weight and a part of the batch: it
 * transforms both operands tile by tile, adds up the products of each point over all its tiles, and transforms only the sums. The sums of
 * the parts are added in order.
 */
export function emitWinogradGradient(context: KernelContext, gradient: WeightGradient, filter: Filtering): Kernel {
  const { name, target } = context;
  const { lanes } = target;
  const { points } = filter;
  const allPoints = points ** 2;
  const size = filter.taps;
  const [down, across] = gradientTiles(gradient, filter);
  const [dyRows, dyColumns] = [down * size, across * size];
  // The last tiles may go beyond the image: they meet zeros there, of x too.
  const g: WeightGradient = {
    ...gradient,
    stagedHeight: Math.max(gradient.stagedHeight, dyRows + TAPS - 1),
    stagedWidth: Math.max(gradient.stagedWidth, dyColumns + TAPS - 1),
  };
  const [xType, dyType] = context.anchor.inputs.map((id) => context.type(id).dtype) as [ComputeType, ComputeType];
  const vectors = g.n / lanes;
  const blocks = g.channels / lanes;
  const tile = chooseGradientTile(Math.min(g.channels, GRADIENT_RUN), vectors, target);
  const channelTiles = Math.ceil(vectors / tile.vectors);
  const rows = TAPS ** 2 * g.channels;
  const [perImage, most] = [down * across, tilesAtOnce(filter)];
  const part = partition(blocks, allPoints * lanes * vectors * lanes * 4, channelTiles, g.images, perImage / most, 1, GRADIENT_SLICE);

  // Of a whole slice: its channels of x, and of dy.
  const xChannels = part.blocksPerSlice * lanes;
  const dyChannels = part.tilesPerSlice * tile.vectors * lanes;
  const run = blocks % part.blocksPerSlice === 0 ? xChannels : lanes;
  const block = Math.min(most, part.perChunk * perImage);
  // From one point to the next: what the products of a point read lies together.
  const [xPitch, dyPitch, sumPitch] = [
    block * xChannels + CACHE_LINE,
    block * dyChannels + CACHE_LINE,
    xChannels * dyChannels + CACHE_LINE,
  ];
  const blockSize = g.stagedHeight * g.stagedWidth * lanes;
  const positions = g.outHeight * g.outWidth;
  const parts = [
    ['x', part.blocksPerSlice * blockSize],
    ['dys', part.tilesPerSlice * dyRows * dyColumns * tile.vectors * lanes],
    ['v', allPoints * xPitch],
    ['d', allPoints * dyPitch],
    ['sums', allPoints * sumPitch],
  ] as const;
  let bytes = 0;
  const pointers = parts.map(([variable, count]) => {
    const line = emit`*${variable} = (float *)(${context.scratch(0)} + ${bytes})`;
    bytes += Math.ceil((count * 4) / 64) * 64;
    return line;
  });
  context.scratch(bytes);

  const partial = context.workspace(part.chunks * rows * g.n * 4);
  const depths = sizes(run, tile.depth);
  const widths = sizes(vectors, tile.vectors);
  const loop = { columns: 1, xRow: 0, xColumn: 0, xImage: xChannels, dyRow: 0, dyColumn: 0, dyImage: dyChannels, pitch: dyChannels };
  const placed = context.isMember(g.dy) ? context.node(g.dy) : undefined;
  const [source, dy] = [context.pointer(g.source), context.pointer(placed === undefined ? g.dy : placed.inputs[0]!)];
  const [xSize, dySize] = [g.height * g.width * g.channels, (placed === undefined ? positions : positions / 4) * g.n];
  const which = placed === undefined ? '' : emit`${context.pointer(placed.inputs[1]!)} + image * ${dySize}, NULL, `;
  const byWidth = (call: (width: number) => Code) =>
    widths.length === 1
      ? call(widths[0]!)
      : emit`if (t < ${Math.floor(vectors / tile.vectors)}) ${call(tile.vectors)} else ${call(widths.at(-1)!)}`;
  const multiply = (width: number) => {
    const call = (depth: number) => emit`${called(name.and(`_tile${depth}_${width}`), 'xs + m, ds, count, 1, first, to')};`;
    return depths.length === 1
      ? call(depths[0]!)
      : emit`if (m % ${fixed(run)} + ${tile.depth} <= ${run}) ${call(tile.depth)} else ${call(depths.at(-1)!)}`;
  };
  const step =
    depths.length === 1
      ? emit`m += ${depths[0]}`
      : emit`m += m % ${fixed(run)} + ${tile.depth} <= ${run} ? ${tile.depth} : ${depths.at(-1)!}`;
  const stageDy = (width: number) =>
    placed === undefined
      ? emitStageDy(name.and(`_stage_dy${width}`), dyType, 'f32', g, width, lanes, [dyRows, dyColumns], dySize)
      : emitStagePooledDy(name.and(`_stage_dy${width}`), dyType, 'f32', g, width, lanes, dySize);
  const slices = part.blockSlices * part.channelSlices;
  const line = (text: string) => name.and(`_${text}_line`);
  const sandwich = (text: string, matrix: Matrix, load: Code, store: Code) =>
    emitSandwich(line(text), matrix, emit`load_f32(from + ${load})`, emit`store_f32(to + ${store}, y[column])`, '  ');
  const transformX = sandwich(
    'x',
    filter.input,
    emit`(row * ${g.stagedWidth} + column) * LANES`,
    emit`(row * ${points} + column) * ${xPitch}`,
  );
  const transformDy = (width: number) =>
    sandwich('dy', filter.weight, emit`(row * ${dyColumns} + column) * ${width * lanes}`, emit`(row * ${points} + column) * ${dyPitch}`);
  const sums = sandwich('sum', filter.output, emit`(row * ${points} + column) * ${sumPitch}`, emit`(row * ${TAPS} + column) * tap`);
  const range = 'int64_t count, int first, int64_t channels, int64_t t0, int64_t t1';
  const xAt = emit`x + b * ${blockSize} + (row * ${g.stagedWidth} + column) * LANES`;
  const takeX = emit`${called(name.and('_x'), xAt, emit`v + count * ${xChannels} + b * LANES`)};`;
  const dyAt = emit`${dy} + image * ${dySize}`;
  const takeDy = (width: number) => {
    const from = emit`dyt + (row * ${dyColumns} + column) * ${width * lanes} + n`;
    return emit`for (int64_t n = 0; n < ${width * lanes}; n += LANES) ${called(name.and(`_dy${width}`), emit`${from}, to + n`)};`;
  };
  const takeSums = called(name.and('_sums'), emit`sums + m * ${dyChannels} + n`, emit`dw + m * ${g.n} + n, ${g.channels * g.n}`);
  const code = emit`${emitStageBlocks(name.and('_stage'), xType, 'f32', g, lanes, xSize)}
${joined(widths.map(stageDy), '\n')}
${emitProduct(line('x'), filter.input)}
${head('static void', name.and('_x'), 'const float *from, float *to')}
${transformX}}

${emitProduct(line('dy'), filter.weight)}
${joined(
  widths.map(
    (width) => emit`${head('static void', name.and(`_dy${width}`), 'const float *from, float *to')}
${transformDy(width)}}
`,
  ),
  '\n',
)}
${joined(
  depths.flatMap((depth) => widths.map((width) => emitGradientTile(name.and(`_tile${depth}_${width}`), 'f32', depth, width, loop))),
  '\n',
)}
/* Adds the products of \`count\` tiles to a slice's sums. */
${head('static void', name.and('_multiply'), emit`const float *v, const float *d, float *sums, ${range}`)}
  for (int64_t point = 0; point < ${allPoints}; point++) {
    for (int64_t t = t0; t < t1; t++) {
      const float *xs = v + point * ${xPitch}, *ds = d + point * ${dyPitch} + (t - t0) * ${tile.vectors * lanes};
      for (int64_t m = 0; m < channels; ${step}) {
        float *to = sums + point * ${sumPitch} + m * ${dyChannels} + (t - t0) * ${tile.vectors * lanes};
        ${byWidth(multiply)}
      }
    }
  }
}

${emitProduct(line('sum'), filter.output)}
${head('static void', name.and('_sums'), 'const float *from, float *to, int64_t tap')}
${sums}}

${note`${part.chunks} parts of the batch, ${slices} slices of the weight; ${block} tiles of ${size}x${size} gradients at once.`}
${head('static void', name, 'void *const *p, int64_t task')}
  const int64_t chunk = task / ${slices}, slice = task % ${slices};
  const int64_t b0 = slice / ${part.channelSlices} * ${part.blocksPerSlice}, b1 = min64(b0 + ${part.blocksPerSlice}, ${blocks});
  const int64_t t0 = slice % ${part.channelSlices} * ${part.tilesPerSlice}, t1 = min64(t0 + ${part.tilesPerSlice}, ${channelTiles});
  const int64_t start = chunk * ${part.perChunk}, end = min64(start + ${part.perChunk}, ${g.images}), channels = (b1 - b0) * LANES;
  float ${joined(pointers, ', ')};
  int64_t count = 0;
  int first = 1;
  for (int64_t image = start; image < end; image++) {
    ${called(name.and('_stage'), emit`${source} + image * ${xSize} + b0 * LANES, NULL, x, b1 - b0`)};
    for (int64_t t = t0; t < t1; t++) {
      float *dyt = dys + (t - t0) * ${dyRows * dyColumns * tile.vectors * lanes};
      ${byWidth((width) => emit`${called(name.and(`_stage_dy${width}`), dyAt, emit`NULL, ${which}dyt, t * ${tile.vectors * lanes}`)};`)}
    }
    for (int64_t at = 0; at < ${perImage}; at++) {
      const int64_t row = at / ${fixed(across)} * ${size}, column = at % ${fixed(across)} * ${size};
      for (int64_t b = 0; b < b1 - b0; b++) ${takeX}
      for (int64_t t = t0; t < t1; t++) {
        const float *dyt = dys + (t - t0) * ${dyRows * dyColumns * tile.vectors * lanes};
        float *to = d + count * ${dyChannels} + (t - t0) * ${tile.vectors * lanes};
        ${byWidth(takeDy)}
      }
      if (++count == ${block} || (image == end - 1 && at == ${perImage - 1})) {
        ${called(name.and('_multiply'), 'v, d, sums, count, first, channels, t0, t1')};
        count = first = 0;
      }
    }
  }
  const int64_t width = min64(t1 * ${tile.vectors * lanes}, ${g.n}) - t0 * ${tile.vectors * lanes};
  float *dw = (float *)${partial} + chunk * ${rows * g.n} + b0 * LANES * ${g.n} + t0 * ${tile.vectors * lanes};
  for (int64_t m = 0; m < channels; m++) {
    for (int64_t n = 0; n < width; n += LANES) ${takeSums};
  }
}
${emitReduce(context, g, rows, g.n, part.chunks, partial)}`;
  return {
    code,
    launches: [
      { name, tasks: part.chunks * slices },
      { name: name.and('_reduce'), tasks: Math.ceil(rows / REDUCE_ROWS) },
    ],
    method: methodOf(filter, size),
  };
}
