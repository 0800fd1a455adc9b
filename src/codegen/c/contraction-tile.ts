import { type Code, emit, fixed, joined } from '../code.js';
import { type Compute, STAGED } from './contraction-unit.js';
import { head, note, type OwnName } from './kernel-code.js';
import type { Tile } from './tile-choice.js';

function repeat(count: number, text: (index: number) => Code): Code {
  return joined(Array.from({ length: count }, (_, index) => text(index)));
}

/**
 * The multiply-adds of one summed index: numbers broadcast to all lanes (vector expressions) against `vectors` vectors, as an outer
 * product.
 */
function outerProduct(compute: Compute, broadcasts: readonly Code[], vectors: number, indent: string): Code {
  const { vector, add } = STAGED[compute];
  const adds = (p: number) => repeat(vectors, (v) => emit`${add(`a${p}_${v}`, `w${v}`, 'b')} `);
  return joined(broadcasts.map((b, p) => emit`${indent}{ const ${vector} b = ${b}; ${adds(p)}}\n`));
}

function loadVectors(compute: Compute, vectors: number, pointer: Code, indent: string): Code {
  const { vector, load } = STAGED[compute];
  return repeat(vectors, (v) => emit`${indent}const ${vector} w${fixed(v)} = ${load(emit`${pointer} + ${v} * LANES`)};\n`);
}

/** Products that a tile adds up in f32 before they join the sums of the others: what bounds the rounding of a long sum. */
export const BLOCK_TERMS = 512;

function eachSum(positions: number, vectors: number, text: (p: number, v: number) => Code, separator: string): Code[] {
  return Array.from({ length: positions }, (_, p) =>
    joined(
      Array.from({ length: vectors }, (__, v) => text(p, v)),
      separator,
    ),
  );
}

/** Declares the sums of one block. */
function declareSums(positions: number, vectors: number, indent: string): Code {
  return joined(eachSum(positions, vectors, (p, v) => `a${p}_${v} = {0}`, ', ').map((line) => emit`${indent}vf ${line};\n`));
}

/** Adds the sums of earlier blocks, unless this is the first, and stores them. */
function storeSums(
  positions: number,
  vectors: number,
  indent: string,
  load: (p: number, v: number) => Code,
  store: (p: number, v: number, sum: Code) => Code,
): Code {
  const line = (text: (p: number, v: number) => Code, more: Code) =>
    joined(eachSum(positions, vectors, text, ' ').map((row) => emit`${indent}${more}${row}\n`));
  const added = line((p, v) => emit`a${fixed(p)}_${fixed(v)} += ${load(p, v)};`, '  ');
  return emit`${indent}if (!first) {\n${added}${indent}}\n${line((p, v) => emit`${store(p, v, `a${p}_${v}`)};`, '')}`;
}

/**
 * C function that adds the sum of x * w over `count` runs to a tile's sums, a run being {offset into the staged image, length} in staged
 * elements. The weights lie in the order of the summation, `weightPitch` elements apart. `joined`: x holds single bf16, and a run's length
 * counts pairs.
 *
 * It is a function of its own in the machine's code too: where the compiler puts it beside an epilogue, the constants of that (of a gelu
 * some thirty) stay in registers, and the sums move to the stack and back with each product.
 */
export function emitTile(
  name: OwnName,
  compute: Compute,
  tile: Tile,
  rowStride: number,
  columnStride: number,
  weightPitch: number,
  joined = false,
): Code {
  const { type } = STAGED[compute];
  const xType = joined ? 'uint16_t' : type;
  const positions = tile.rows * tile.columns;
  const operands = `const ${xType} *restrict x, const ${type} *restrict w`;
  const parameters = `${operands}, const int (*runs)[2], int count, int first, vf *restrict sums`;
  const offsets = Array.from({ length: positions }, (_, p) => Math.floor(p / tile.columns) * rowStride + (p % tile.columns) * columnStride);
  return emit`${note`${tile.rows}x${tile.columns} positions, ${tile.vectors} vectors of channels.`}
${head('static __attribute__((noinline)) void', name, emit`${parameters}`)}
${declareSums(positions, tile.vectors, '  ')}  for (int r = 0; r < count; r++) {
    const ${xType} *restrict xr = x + runs[r][0];
    for (int k = 0; k < runs[r][1]; k++, ${joined ? 'xr += 2' : 'xr++'}, w += ${weightPitch}) {
${loadVectors(compute, tile.vectors, 'w', '      ')}${outerProduct(
  compute,
  offsets.map((offset) => (joined ? emit`broadcast_pair(xr + ${offset})` : STAGED[compute].broadcast(emit`xr[${offset}]`))),
  tile.vectors,
  '      ',
)}    }
  }
${storeSums(
  positions,
  tile.vectors,
  '  ',
  (p, v) => emit`sums[${p * tile.vectors + v}]`,
  (p, v, sum) => emit`sums[${p * tile.vectors + v}] = ${sum}`,
)}}
`;
}

/**
 * C function that adds to `depth` x `vectors` sums of a weight gradient (rows \`pitch\` apart) over \`rows\` rows of \`images\` staged
 * images: each position's \`depth\` neighbours in x, times its dy.
 */
export function emitGradientTile(
  name: OwnName,
  compute: Compute,
  depth: number,
  vectors: number,
  loop: {
    columns: number;
    xRow: number;
    xColumn: number;
    xImage: number;
    dyRow: number;
    dyColumn: number;
    dyImage: number;
    pitch: number;
  },
): Code {
  const { type } = STAGED[compute];
  const dw = (m: number, v: number) => emit`dw + ${m * loop.pitch} + ${v} * LANES`;
  const start = declareSums(depth, vectors, '  ');
  const end = storeSums(
    depth,
    vectors,
    '  ',
    (m, v) => emit`load_f32(${dw(m, v)})`,
    (m, v, sum) => emit`store_f32(${dw(m, v)}, ${sum})`,
  );
  const eachRow = `  for (int64_t image = 0; image < images; image++)
  for (int64_t row = 0; row < rows; row++)`;
  const before = (from: Code, step: number) => (from === '0' ? '' : emit` + ${from} * ${step}`);
  const products = (from: Code, to: Code) => emit`  {
    const ${type} *restrict xr = x + image * ${loop.xImage} + row * ${loop.xRow}${before(from, loop.xColumn)};
    const ${type} *restrict yr = dy + image * ${loop.dyImage} + row * ${loop.dyRow}${before(from, loop.dyColumn)};
    for (int64_t column = ${from}; column < ${to}; column++, xr += ${loop.xColumn}, yr += ${loop.dyColumn}) {
${loadVectors(compute, vectors, 'yr', '      ')}${outerProduct(
  compute,
  Array.from({ length: depth }, (_, m) => STAGED[compute].broadcast(emit`xr[${m}]`)),
  vectors,
  '      ',
)}    }
  }
`;
  // A row of more products than a block's is summed up in parts.
  const inParts = () => emit`${eachRow}
  for (int64_t from = 0; from < ${loop.columns}; from += ${BLOCK_TERMS}) {
  const int64_t to = min64(from + ${BLOCK_TERMS}, ${loop.columns});
${start}${products('from', 'to')}${end}  first = 0;
  }
`;
  const body = loop.columns > BLOCK_TERMS ? inParts() : emit`${start}${eachRow}\n${products('0', emit`${loop.columns}`)}${end}`;
  const operands = `const ${type} *restrict x, const ${type} *restrict dy, int64_t images, int64_t rows`;
  return emit`${note`${depth} rows of the weight, ${vectors} vectors of channels.`}
${head('static void', name, emit`${operands}, int first, float *restrict dw`)}
${body}}
`;
}
