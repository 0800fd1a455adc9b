import { type Compute, STAGED } from './contraction-unit.js';
import type { Tile } from './tile-choice.js';

function repeat(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join('');
}

/**
 * The multiply-adds of one summed index: numbers broadcast to all lanes (vector expressions) against `vectors` vectors, as an outer
 * product.
 */
function outerProduct(compute: Compute, broadcasts: readonly string[], vectors: number, indent: string): string {
  const { vector, add } = STAGED[compute];
  const adds = (p: number) => repeat(vectors, (v) => `${add(`a${p}_${v}`, `w${v}`, 'b')} `);
  return broadcasts.map((b, p) => `${indent}{ const ${vector} b = ${b}; ${adds(p)}}\n`).join('');
}

function loadVectors(compute: Compute, vectors: number, pointer: string, indent: string): string {
  const { vector, load } = STAGED[compute];
  return repeat(vectors, (v) => `${indent}const ${vector} w${v} = ${load(`${pointer} + ${v} * LANES`)};\n`);
}

/** Products that a tile adds up in f32 before they join the sums of the others: what bounds the rounding of a long sum. */
export const BLOCK_TERMS = 512;

function eachSum(positions: number, vectors: number, text: (p: number, v: number) => string, separator: string): string[] {
  return Array.from({ length: positions }, (_, p) => Array.from({ length: vectors }, (__, v) => text(p, v)).join(separator));
}

/** Declares the sums of one block. */
function declareSums(positions: number, vectors: number, indent: string): string {
  return eachSum(positions, vectors, (p, v) => `a${p}_${v} = {0}`, ', ')
    .map((line) => `${indent}vf ${line};\n`)
    .join('');
}

/** Adds the sums of earlier blocks, unless this is the first, and stores them. */
function storeSums(
  positions: number,
  vectors: number,
  indent: string,
  load: (p: number, v: number) => string,
  store: (p: number, v: number, sum: string) => string,
): string {
  const line = (text: (p: number, v: number) => string, more: string) =>
    eachSum(positions, vectors, text, ' ')
      .map((row) => `${indent}${more}${row}\n`)
      .join('');
  const added = line((p, v) => `a${p}_${v} += ${load(p, v)};`, '  ');
  return `${indent}if (!first) {\n${added}${indent}}\n${line((p, v) => `${store(p, v, `a${p}_${v}`)};`, '')}`;
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
  name: string,
  compute: Compute,
  tile: Tile,
  rowStride: number,
  columnStride: number,
  weightPitch: number,
  joined = false,
): string {
  const { type } = STAGED[compute];
  const xType = joined ? 'uint16_t' : type;
  const positions = tile.rows * tile.columns;
  const operands = `const ${xType} *restrict x, const ${type} *restrict w`;
  const parameters = `${operands}, const int (*runs)[2], int count, int first, vf *restrict sums`;
  const offsets = Array.from({ length: positions }, (_, p) => Math.floor(p / tile.columns) * rowStride + (p % tile.columns) * columnStride);
  return `/* ${tile.rows}x${tile.columns} positions, ${tile.vectors} vectors of channels. */
static __attribute__((noinline)) void ${name}(${parameters}) {
${declareSums(positions, tile.vectors, '  ')}  for (int r = 0; r < count; r++) {
    const ${xType} *restrict xr = x + runs[r][0];
    for (int k = 0; k < runs[r][1]; k++, ${joined ? 'xr += 2' : 'xr++'}, w += ${weightPitch}) {
${loadVectors(compute, tile.vectors, 'w', '      ')}${outerProduct(
  compute,
  offsets.map((offset) => (joined ? `broadcast_pair(xr + ${offset})` : STAGED[compute].broadcast(`xr[${offset}]`))),
  tile.vectors,
  '      ',
)}    }
  }
${storeSums(
  positions,
  tile.vectors,
  '  ',
  (p, v) => `sums[${p * tile.vectors + v}]`,
  (p, v, sum) => `sums[${p * tile.vectors + v}] = ${sum}`,
)}}
`;
}

/**
 * C function that adds to `depth` x `vectors` sums of a weight gradient (rows \`pitch\` apart) over \`images\` staged images: each
 * position's \`depth\` neighbours in x, times its dy.
 */
export function emitGradientTile(
  name: string,
  compute: Compute,
  depth: number,
  vectors: number,
  loop: {
    rows: number;
    columns: number;
    xRow: number;
    xColumn: number;
    xImage: number;
    dyRow: number;
    dyColumn: number;
    dyImage: number;
    pitch: number;
  },
): string {
  const { type } = STAGED[compute];
  const dw = (m: number, v: number) => `dw + ${m * loop.pitch} + ${v} * LANES`;
  const start = declareSums(depth, vectors, '  ');
  const end = storeSums(
    depth,
    vectors,
    '  ',
    (m, v) => `load_f32(${dw(m, v)})`,
    (m, v, sum) => `store_f32(${dw(m, v)}, ${sum})`,
  );
  const eachImage = '  for (int64_t image = 0; image < images; image++)';
  const eachRow = (from: string, to: string) => `  for (int64_t row = ${from}; row < ${to}; row++)`;
  const products = (from: string, to: string) => `  {
    const ${type} *restrict xr = x + image * ${loop.xImage} + row * ${loop.xRow}${from === '0' ? '' : ` + ${from} * ${loop.xColumn}`};
    const ${type} *restrict yr = dy + image * ${loop.dyImage} + row * ${loop.dyRow}${from === '0' ? '' : ` + ${from} * ${loop.dyColumn}`};
    for (int64_t column = ${from}; column < ${to}; column++, xr += ${loop.xColumn}, yr += ${loop.dyColumn}) {
${loadVectors(compute, vectors, 'yr', '      ')}${outerProduct(
  compute,
  Array.from({ length: depth }, (_, m) => STAGED[compute].broadcast(`xr[${m}]`)),
  vectors,
  '      ',
)}    }
  }
`;
  const cut = (count: number, size: number, inner: string) => `  for (int64_t from = 0; from < ${count}; from += ${size}) {
  const int64_t to = min64(from + ${size}, ${count});
${start}${inner}${end}  first = 0;
  }
`;
  // An image of more products than a block's is summed up some rows at a time, or parts of a row.
  const rows = Math.floor(BLOCK_TERMS / loop.columns);
  const whole = `${eachRow('0', String(loop.rows))}\n${products('0', String(loop.columns))}`;
  const body =
    rows >= loop.rows
      ? `${start}${eachImage}\n${whole}${end}`
      : rows > 0
        ? `${eachImage}\n${cut(loop.rows, rows, `${eachRow('from', 'to')}\n${products('0', String(loop.columns))}`)}`
        : `${eachImage}\n${eachRow('0', String(loop.rows))}\n${cut(loop.columns, BLOCK_TERMS, products('from', 'to'))}`;
  return `/* ${depth} rows of the weight, ${vectors} vectors of channels. */
static void ${name}(const ${type} *restrict x, const ${type} *restrict dy, int64_t images, int first, float *restrict dw) {
${body}}
`;
}
