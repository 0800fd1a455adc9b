import type { FloatType } from '../../ir/types.js';
import { type ContractionGeometry, operandOf } from '../../ops/contraction-geometry.js';
import { type Code, emit, fixed, joined } from '../code.js';
import { emitFinish } from './contraction-finish.js';
import { type Convolution, convolutionOf } from './contraction-geometry.js';
import { sizes } from './contraction-gradient-parts.js';
import { type Depthwise, reachOf, sourceOf } from './depthwise-geometry.js';
import { emitRing, type Ring, ringBytes, ringOf } from './depthwise-stage.js';
import { depthwiseWeights } from './depthwise-weights.js';
import type { Kernel, KernelContext } from './kernel.js';
import { arraySize, called, head, note, type OwnName } from './kernel-code.js';
import type { TaskSums } from './task-sums.js';

/** Results of a row whose sums are kept in registers: at least so many, for multiply-adds that do not wait for each other. */
const LEAST_TILE = 4;

/** A multiple of the steps after which the columns' taps repeat; one that divides the row where there is such a one. */
function tileOf({ columns }: Depthwise, registers: number): number {
  const period = columns.forward ? 1 : columns.stride;
  const most = Math.max(LEAST_TILE, registers - columns.taps - 1);
  const largest = Math.max(period, Math.min(Math.floor(most / period) * period, Math.ceil(columns.results / period) * period));
  for (let size = largest; size >= period && 2 * size > largest; size -= period) if (columns.results % size === 0) return size;
  return largest;
}

/**
 * C function that adds up `count` neighbouring results of a row, one vector of channels, over the rows of the window that meet the source.
 */
function emitColumns(name: OwnName, d: Depthwise, ring: Ring, pitch: number, count: number): Code {
  const { columns, k } = d;
  const meetings = Array.from({ length: count }, (_, result) =>
    Array.from({ length: columns.taps }, (__, tap) => ({ result, tap, column: sourceOf(columns, result, tap) })),
  ).flat();
  const used = meetings.filter((each): each is typeof each & { column: number } => each.column !== undefined);
  const inOrder = [...new Set(used.map(({ column }) => column))].sort((a, b) => a - b);
  const taps = [...new Set(used.map(({ tap }) => tap))].sort((a, b) => a - b);
  const each = (indices: readonly number[], text: (index: number) => Code) => joined(indices.map(text));
  const results = Array.from({ length: count }, (_, i) => i);
  const products = each(inOrder, (column) => {
    const adds = used.filter((meeting) => meeting.column === column).map(({ result, tap }) => `a${result} += b * w${tap};`);
    return emit`      { const vf b = load_f32(xr + ${(column + ring.left) * k * ring.block}); ${adds.join(' ')} }\n`;
  });
  const parameters = 'const float *const *x, const float *const *w, int64_t rows, int64_t at, int64_t lane, vf *restrict sums';
  return emit`${note`${count} results of a row.`}
${head('static inline void', name, parameters)}
  vf ${results.map((i) => `a${i} = {0}`).join(', ')};
  for (int64_t r = 0; r < rows; r++) {
    const float *restrict xr = x[r] + at, *restrict wr = w[r] + lane;
    for (int64_t c = 0; c < ${k}; c++, xr += ${ring.block}, wr += ${pitch}) {
${each(taps, (tap) => emit`      const vf w${fixed(tap)} = load_f32(wr + ${tap * k * pitch});\n`)}${products}    }
  }
${each(results, (i) => emit`  sums[${i}] = a${fixed(i)};\n`)}}
`;
}

/** The form that the epilogue knows: all groups as one. */
function asWhole(context: KernelContext, geometry: ContractionGeometry, d: Depthwise): Convolution {
  return { ...convolutionOf(context.anchor, geometry), groups: 1, n: d.groups * d.n, outStep: [1, 1] };
}

/** Statements that point \`x\` and \`w\` at the rows of source and weight that make result row \`row\`. */
function meetRows({ rows, columns, k }: Depthwise, ring: Ring, weights: Code, pitch: number): Code {
  const place = rows.forward
    ? emit`      const int64_t t = row * ${rows.stride} + tap * ${rows.dilation} - ${rows.before};
      if (t < 0 || t >= ${rows.source}) continue;
`
    : emit`      const int64_t at = row + ${rows.before} - tap * ${rows.dilation}, t = at / ${fixed(rows.stride)};
      if (at < 0 || at % ${fixed(rows.stride)} != 0 || t >= ${rows.source}) continue;
`;
  return emit`    const float *x[${arraySize(rows.taps)}];
    const float *w[${arraySize(rows.taps)}];
    int64_t count = 0;
    for (int64_t tap = 0; tap < ${rows.taps}; tap++) {
${place}      x[count] = ring + t % ${fixed(ring.slots)} * ${ring.rowSize};
      w[count++] = ${weights} + tap * ${columns.taps * k * pitch};
    }
`;
}

/**
 * C of a convolution in small groups, or its input's gradient, with everything that the plan fused behind it. A task has an image and a
 * block of channels: row by row it brings in what the window newly meets, and adds up the results of the row, vector by vector.
 */
export function emitDepthwise(context: KernelContext, geometry: ContractionGeometry, d: Depthwise, taskSums: TaskSums): Kernel {
  const { name, anchor } = context;
  const { lanes, registers } = context.target;
  const { rows, columns, k } = d;
  const reach = reachOf(rows);
  const ring = ringOf(d, context.type(d.source).dtype as FloatType, Math.min(rows.source, reach.most), lanes);
  const weights = depthwiseWeights(context, d, operandOf(geometry, anchor.inputs, 'w')!);
  const scratch = context.scratch(ringBytes(ring));
  const whole = asWhole(context, geometry, d);
  const tile = tileOf(d, registers);
  const widths = sizes(columns.results, tile);
  const perColumn = k * ring.block;
  const at = columns.forward ? emit`column * ${columns.stride * perColumn}` : emit`column / ${fixed(columns.stride)} * ${perColumn}`;
  const sourceRow = emit`${context.pointer(d.source)} + (image * ${rows.source} + ready) * ${columns.source * d.groups * k}`;
  const step = (width: number, indent: string) => emit`${indent}vf sums[${width}];
${indent}${called(name.and(`_columns${width}`), emit`x, w, count, ${at} + v * LANES, channel + v * LANES, sums`)};
${indent}${called(name.and(`_finish${width}`), 'p, sums, image, row, column, channel + v * LANES')};
`;
  const loop =
    columns.results >= tile
      ? emit`      for (; column + ${tile} <= ${columns.results}; column += ${tile}) {\n${step(tile, '        ')}      }\n`
      : '';
  const rest = columns.results % tile;
  const finish = (columns: number) =>
    emitFinish(context, name.and(`_finish${columns}`), whole, { rows: 1, columns, vectors: 1 }, { ahead: whole.outWidth });
  const positions = rows.results * columns.results;
  const endTask = taskSums.endTask({
    parts: { count: d.images, length: positions },
    part: 'image',
    begin: emit`image * ${positions}`,
    end: emit`(image + 1) * ${positions}`,
    channels: { from: 'channel', to: emit`min64(channel + ${ring.block}, ${d.groups * d.n})`, vectors: ring.vectors },
  });
  const code = emit`${weights.code}
${emitRing(name.and('_stage'), d, ring, lanes, 1)}
${joined(
  widths.map((width) => emitColumns(name.and(`_columns${width}`), d, ring, weights.pitch, width)),
  '\n',
)}
${joined(widths.map(finish), '\n')}
${note`${d.images} images, ${ring.blocks} blocks of up to ${ring.block} channels.`}
${head('static void', name, 'void *const *p, int64_t task')}
  const int64_t image = task / ${ring.blocks}, channel = task % ${ring.blocks} * ${ring.block};
  const int64_t vectors = min64(${ring.vectors}, ${Math.ceil((d.groups * d.n) / lanes)} - channel / LANES);
  float *ring = (float *)${scratch};
  ${called(name.and('_stage_sides'), 'ring')};
  int64_t ready = 0;
  for (int64_t row = 0; row < ${rows.results}; row++) {
    const int64_t first = ${reach.first}, last = ${reach.last};
    if (ready < first) ready = first;
    for (; ready < min64(last + 1, ${rows.source}); ready++)
      ${called(name.and('_stage'), emit`${sourceRow}, ring + ready % ${fixed(ring.slots)} * ${ring.rowSize}, channel, vectors`)};
${meetRows(d, ring, weights.pointer, weights.pitch)}    for (int64_t v = 0; v < vectors; v++) {
      int64_t column = 0;
${loop}${rest === 0 ? '' : emit`      {\n${step(rest, '        ')}      }\n`}    }
  }
${endTask}}
`;
  return { code, launches: [...weights.launches, { name, tasks: d.images * ring.blocks }] };
}
