import { elementCount, type FloatType } from '../../ir/types.js';
import { type ContractionGeometry, operandOf } from '../../ops/contraction-geometry.js';
import { type Code, emit, fixed, joined } from '../code.js';
import { askFor } from './ask-ahead.js';
import { emitReduce, partsOf, REDUCE_ROWS, sizes } from './contraction-gradient-parts.js';
import { BLOCK_TERMS } from './contraction-tile.js';
import { type Depthwise, reachOf, sourceOf } from './depthwise-geometry.js';
import { emitRing, type Ring, ringBytes, ringOf } from './depthwise-stage.js';
import { cType } from './formats.js';
import type { Kernel, KernelContext } from './kernel.js';
import { arraySize, called, head, note, type OwnName } from './kernel-code.js';

/** Positions whose products a block of sums has in registers before they join those in memory, where the rows are short. */
const BAND_POSITIONS = 128;
/** Columns of dy that are read at once. */
const MOST_COLUMNS = 8;

/** Rows of the window whose sums are in registers at once, and columns of dy beside them. */
interface GradientTile {
  readonly rows: number;
  readonly columns: number;
}

function tileOf({ rows, columns }: Depthwise, registers: number): GradientTile {
  const fitting = Math.max(1, Math.floor((registers - 3) / columns.taps));
  const together = Math.ceil(rows.taps / Math.ceil(rows.taps / fitting));
  const most = Math.max(1, Math.min(MOST_COLUMNS, columns.results, registers - together * columns.taps - 1));
  for (let size = most; 2 * size > most; size -= 1) if (columns.results % size === 0) return { rows: together, columns: size };
  return { rows: together, columns: most };
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** What a kernel's functions have in common. */
interface Parts {
  readonly d: Depthwise;
  readonly ring: Ring;
  readonly dtype: FloatType;
  readonly lanes: number;
  /** Elements of a row of the sums. */
  readonly pitch: number;
}

/** C expression: dy's vector of one column. The mask tells the compiler that fewer lanes than all are fewer. */
function loadGradient({ d, dtype, lanes }: Parts, column: number): Code {
  const channels = d.groups * d.n;
  const address = emit`y + ${column * channels}`;
  return channels % lanes === 0
    ? emit`load_${dtype}(${address})`
    : emit`(lanes == LANES ? load_${dtype}(${address}) : load_${dtype}_part(${address}, lanes & (LANES - 1)))`;
}

/** Statements: `count` columns of dy against what the taps of so many rows of the window meet; those of the next row are asked for. */
function products(parts: Parts, rows: number, count: number, indent: string): Code {
  const { d, ring } = parts;
  const meetings = range(count).flatMap((result) =>
    range(d.columns.taps).map((tap) => ({ result, tap, column: sourceOf(d.columns, result, tap)! + ring.left })),
  );
  const columns = [...new Set(meetings.map(({ column }) => column))].sort((a, b) => a - b);
  const channels = d.groups * d.n;
  const loads = range(count).map((i) => {
    const ahead = askFor(emit`y + ${(i + d.columns.results) * channels}`);
    return emit`${indent}${ahead}\n${indent}const vf d${fixed(i)} = ${loadGradient(parts, i)};\n`;
  });
  const lines = range(rows).flatMap((row) =>
    columns.map((column) => {
      const adds = meetings.filter((each) => each.column === column).map(({ result, tap }) => `a${row}_${tap} += b * d${result};`);
      return emit`${indent}{ const vf b = load_f32(x${fixed(row)} + ${column * d.k * ring.block}); ${adds.join(' ')} }\n`;
    }),
  );
  return emit`${joined(loads)}${joined(lines)}`;
}

/** C function that adds to the sums of `rows` rows of the window, one vector of channels, what `count` rows of dy give. */
function emitTaps(name: OwnName, parts: Parts, rows: number, tile: GradientTile): Code {
  const { d, ring, dtype, lanes, pitch } = parts;
  const { columns } = d;
  const channels = d.groups * d.n;
  const step = columns.stride * d.k * ring.block;
  const each = (text: (row: number, tap: number) => Code) =>
    joined(
      range(rows).map(
        (row) =>
          emit`  ${joined(
            range(columns.taps).map((tap) => text(row, tap)),
            ' ',
          )}\n`,
      ),
    );
  const whole = Math.floor(columns.results / tile.columns);
  const rest = columns.results % tile.columns;
  const advance = joined(
    range(rows).map((row) => emit`x${fixed(row)} += ${tile.columns * step}`),
    ', ',
  );
  const pointers = range(rows).map((row) => emit`*restrict x${fixed(row)} = x[row * ${d.rows.stride} + ${row * d.rows.dilation}] + at`);
  const start = emit`${channels % lanes === 0 ? '  (void)lanes;\n' : ''}${each((row, tap) => `vf a${row}_${tap} = {0};`)}`;
  const parameters = `const float *const *x, const ${cType(dtype)} *dy, int64_t count, int64_t at, int64_t lanes, float *restrict dw`;
  return emit`${note`${rows} rows of the window.`}
${head('static inline void', name, parameters)}
${start}  for (int64_t row = 0; row < count; row++) {
    const float ${joined(pointers, ', ')};
    const ${cType(dtype)} *restrict y = dy + row * ${columns.results * channels};
    for (int64_t column = 0; column < ${whole}; column++, ${advance}, y += ${tile.columns * channels}) {
${products(parts, rows, tile.columns, '      ')}    }
${rest === 0 ? '' : emit`    {\n${products(parts, rows, rest, '      ')}    }\n`}  }
${each((row, tap) => {
  const place = emit`dw + ${(row * columns.taps + tap) * d.k * pitch}`;
  return emit`store_f32(${place}, load_f32(${place}) + a${fixed(row)}_${fixed(tap)});`;
})}}
`;
}

/** Whether the kernel below is right for a gradient: a row's products are one block of a sum. */
export function isDepthwiseGradient({ columns }: Depthwise): boolean {
  return columns.results <= BLOCK_TERMS;
}

/**
 * C of the gradient of a depthwise weight. Each task owns a block of channels and a part of the images; it brings in the source band by
 * band, and adds up the taps of some rows of the window in registers. The sums of the parts are added in order.
 */
export function emitDepthwiseGradient(context: KernelContext, geometry: ContractionGeometry, d: Depthwise): Kernel {
  const { name, anchor, target } = context;
  const { lanes, registers } = target;
  const { rows, columns, k } = d;
  const channels = d.groups * d.n;
  const dy = operandOf(geometry, anchor.inputs, 'y')!;
  const band = Math.min(rows.results, Math.max(1, Math.floor(BAND_POSITIONS / columns.results)));
  const reach = reachOf(rows);
  const met = (band - 1) * rows.stride + reach.most;
  const ring = ringOf(d, context.type(d.source).dtype as FloatType, Math.min(rows.source, met), lanes);
  const pitch = Math.ceil(channels / lanes) * lanes;
  const parts: Parts = { d, ring, dtype: context.type(dy).dtype as FloatType, lanes, pitch };
  const tile = tileOf(d, registers);
  const heights = sizes(rows.taps, tile.rows);
  const perChunk = Math.ceil(d.images / partsOf(d.images, ring.blocks, Math.ceil(rows.results / band)));
  const chunks = Math.ceil(d.images / perChunk);
  const sumRows = elementCount(geometry.window) * k;
  const partial = context.workspace(chunks * sumRows * pitch * 4);
  const scratch = context.scratch(ringBytes(ring) + ring.rowSize * 4);
  const sumsAt = emit`sums + (tap * ${columns.taps * k} + c) * ${pitch} + v * LANES`;
  const call = (height: number) =>
    emit`${called(
      name.and(`_taps${height}`),
      emit`x + tap * ${rows.dilation}, gradient, count, c * ${ring.block} + v * LANES, lanes, ${sumsAt}`,
    )};`;
  const [full, rest] = heights.map(call);
  const calls = rest === undefined ? full! : emit`if (tap + ${tile.rows} <= ${rows.taps}) ${full!}\n            else ${rest}`;
  const sourceRow = emit`${context.pointer(d.source)} + (image * ${rows.source} + ready) * ${columns.source * d.groups * k}`;
  const dyRow = emit`${context.pointer(dy)} + (image * ${rows.results} + row) * ${columns.results * channels}`;
  const code = emit`${emitRing(name.and('_stage'), d, ring, lanes, band)}
${joined(
  heights.map((height) => emitTaps(name.and(`_taps${height}`), parts, height, tile)),
  '\n',
)}
${note`${chunks} parts of the images, ${ring.blocks} blocks of up to ${ring.block} channels.`}
${head('static void', name, 'void *const *p, int64_t task')}
  const int64_t chunk = task / ${ring.blocks}, channel = task % ${ring.blocks} * ${ring.block};
  const int64_t vectors = min64(${ring.vectors}, ${pitch / lanes} - channel / LANES);
  float *ring = (float *)${scratch}, *zeros = ring + ${ring.slots * ring.rowSize};
  float *sums = (float *)${partial} + chunk * ${sumRows * pitch} + channel;
  for (int64_t row = 0; row < ${sumRows}; row++) memset(sums + row * ${pitch}, 0, (size_t)vectors * sizeof(vf));
  memset(zeros, 0, ${ring.rowSize * 4});
  ${called(name.and('_stage_sides'), 'ring')};
  for (int64_t image = chunk * ${perChunk}; image < min64((chunk + 1) * ${perChunk}, ${d.images}); image++) {
    int64_t ready = 0;
    for (int64_t row = 0; row < ${rows.results}; row += ${band}) {
      const int64_t count = min64(${band}, ${rows.results} - row), first = row * ${rows.stride} - ${rows.before};
      const int64_t end = first + (count - 1) * ${rows.stride} + ${reach.most};
      if (ready < first) ready = first;
      for (; ready < min64(end, ${rows.source}); ready++)
        ${called(name.and('_stage'), emit`${sourceRow}, ring + ready % ${fixed(ring.slots)} * ${ring.rowSize}, channel, vectors`)};
      const float *x[${arraySize(met)}];
      for (int64_t t = first; t < end; t++)
        x[t - first] = t < 0 || t >= ${rows.source} ? zeros : ring + t % ${fixed(ring.slots)} * ${ring.rowSize};
      for (int64_t v = 0; v < vectors; v++) {
        const int64_t lanes = min64(LANES, ${channels} - channel - v * LANES);
        const ${cType(parts.dtype)} *gradient = ${dyRow} + channel + v * LANES;
        for (int64_t c = 0; c < ${k}; c++) {
          for (int64_t tap = 0; tap < ${rows.taps}; tap += ${tile.rows}) {
            ${calls}
          }
        }
      }
    }
  }
}
${emitReduce(context, { batch: 1, groups: 1, n: channels }, sumRows, pitch, chunks, partial)}`;
  return {
    code,
    launches: [
      { name, tasks: chunks * ring.blocks },
      { name: name.and('_reduce'), tasks: Math.ceil(sumRows / REDUCE_ROWS) },
    ],
  };
}
