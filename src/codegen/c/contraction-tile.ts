import type { Target } from './target.js';

/** Outputs whose sums are kept in registers at once: `rows` x `columns` positions, each with `vectors` vectors of output channels. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly vectors: number;
}

/** What the multiplications run on: f32 lanes, or bf16 pairs (two neighbours in the summed index) with an f32 sum. */
export type Compute = 'f32' | 'bf16';

/** How C multiplies staged elements. */
interface Unit {
  /** C type of one staged element. */
  readonly type: string;
  /** How many summed indices it holds. */
  readonly depth: 1 | 2;
  /** C type of a vector of them. */
  readonly vector: string;
  /** C expression: one in every lane. */
  readonly broadcast: (element: string) => string;
  /** C expression: a vector of neighbours. */
  readonly load: (pointer: string) => string;
  /** C statement: adds the products of two vectors to sums. */
  readonly add: (sum: string, weights: string, numbers: string) => string;
}

export const STAGED: Readonly<Record<Compute, Unit>> = {
  f32: {
    type: 'float',
    depth: 1,
    vector: 'vf',
    broadcast: (element) => `vf_set(${element})`,
    load: (pointer) => `load_f32(${pointer})`,
    add: (sum, weights, numbers) => `${sum} += ${numbers} * ${weights};`,
  },
  bf16: {
    type: 'uint32_t',
    depth: 2,
    vector: 'vu',
    broadcast: (element) => `vu_set(${element})`,
    load: (pointer) => `load_vu(${pointer})`,
    add: (sum, weights, numbers) => `${sum} = dot_pairs(${sum}, ${weights}, ${numbers});`,
  },
};

/** Multiply-adds may start this many cycles apart when they depend on each other, two a cycle when they do not. */
const LATENCY = 4;

function cyclesPerStep(positions: number, vectors: number): number {
  return Math.max((positions * vectors) / 2, (positions + vectors) / 2, LATENCY);
}

/** Whether the sums, a vector of weights each and a broadcast number fit the registers. */
export function tileFits(positions: number, vectors: number, target: Target): boolean {
  return positions * vectors + vectors + 1 <= target.registers;
}

/** Cost of covering `count` vectors with tiles of `vectors`, the last one smaller. */
function vectorCost(positions: number, count: number, vectors: number): number {
  const rest = count % vectors;
  return Math.floor(count / vectors) * cyclesPerStep(positions, vectors) + (rest > 0 ? cyclesPerStep(positions, rest) : 0);
}

/**
 * The cheapest tile for a lattice of rows x columns positions and `vectors` vectors of channels, by a model of multiply-add and load
 * ports. The last tile of a row or column is moved back to end at the edge, so it may overlap its neighbour but never leave the lattice.
 * `pooled` keeps the tile aligned to 2x2 windows.
 */
export function chooseTile(rows: number, columns: number, vectors: number, pooled: boolean, target: Target): Tile {
  const step = pooled ? 2 : 1;
  let best: Tile = { rows: step, columns: step, vectors: 1 };
  let bestCost = Infinity;
  for (let r = step; r <= Math.min(rows, 8); r += step) {
    for (let c = step; c <= Math.min(columns, 28); c += step) {
      for (let v = 1; v <= Math.min(vectors, 6); v += 1) {
        if (!tileFits(r * c, v, target)) continue;
        const tiles = Math.ceil(rows / r) * Math.ceil(columns / c);
        // A little per tile for its start and end, and per position for its own address.
        const cost = tiles * (vectorCost(r * c, vectors, v) + 0.2 * Math.ceil(vectors / v) + 0.02 * r * c);
        if (cost < bestCost - 1e-9) {
          best = { rows: r, columns: c, vectors: v };
          bestCost = cost;
        }
      }
    }
  }
  return best;
}

/** Rows of the window's run (`depth` in registers as single numbers) by vectors of dy's channels, for weight gradients. */
export function chooseGradientTile(run: number, vectors: number, target: Target): { readonly depth: number; readonly vectors: number } {
  let best = { depth: 1, vectors: 1 };
  let bestCost = Infinity;
  for (let depth = 1; depth <= Math.min(run, 28); depth += 1) {
    for (let v = 1; v <= Math.min(vectors, 6); v += 1) {
      if (!tileFits(depth, v, target)) continue;
      const rest = run % depth;
      const cost =
        Math.floor(run / depth) * vectorCost(depth, vectors, v) +
        (rest > 0 ? vectorCost(rest, vectors, v) : 0) +
        0.3 * Math.ceil(run / depth) * Math.ceil(vectors / v);
      if (cost < bestCost - 1e-9) {
        best = { depth, vectors: v };
        bestCost = cost;
      }
    }
  }
  return best;
}

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
  const offsets = Array.from({ length: positions }, (_, p) => Math.floor(p / tile.columns) * rowStride + (p % tile.columns) * columnStride);
  return `/* ${tile.rows}x${tile.columns} positions, ${tile.vectors} vectors of channels. */
static void ${name}(const ${xType} *restrict x, const ${type} *restrict w, const int (*runs)[2], int count, int first, vf *restrict sums) {
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
