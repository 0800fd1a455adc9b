import { type Code, emit, fixed, joined } from '../code.js';
import { type Compute, STAGED } from './contraction-unit.js';
import { called, head, type OwnName } from './kernel-code.js';
import type { Target } from './target.js';

/** Products that are added up in f32 before they join the sums of the others: what bounds the rounding of a long sum. */
const BLOCK_TERMS = 512;

/** Sums that stay in registers: so many rows, and vectors of columns. */
export interface ProductTile {
  readonly rows: number;
  readonly vectors: number;
}

/** The tile for products of so many rows: of the sizes that the registers hold the one that leaves the fewest rows over. */
export function productTile({ registers }: Target, rows: number): ProductTile {
  const vectors = registers === 32 ? 4 : 2;
  const sizes = [6, 5, 4].toSorted((a, b) => (rows % a) - (rows % b));
  return { rows: sizes[0]!, vectors };
}

function lines(count: number, text: (index: number) => Code): Code {
  return joined(Array.from({ length: count }, (_, index) => text(index)));
}

function emitTile(owner: OwnName, compute: Compute, rows: number, vectors: number): Code {
  const { type, vector, broadcast, load, add } = STAGED[compute];
  const name = owner.and(`_tile${rows}x${vectors}`);
  const parameters = emit`const ${owner.and('_operands')} *o, const ${type} *a, const ${type} *b, float *c, int64_t k, int add`;
  const sums = (text: (r: number, v: number) => Code) =>
    lines(
      rows,
      (r) =>
        emit`  ${joined(
          Array.from({ length: vectors }, (_, v) => text(r, v)),
          ' ',
        )}\n`,
    );
  const loads = joined(
    Array.from({ length: vectors }, (_, v) => emit`const ${vector} b${fixed(v)} = ${load(emit`b + ${v} * LANES`)};`),
    ' ',
  );
  const adds = (r: number) =>
    joined(
      Array.from({ length: vectors }, (_, v) => add(`s${r}_${v}`, `b${v}`, 'x')),
      ' ',
    );
  return emit`${head('static __attribute__((noinline)) void', name, emit`${parameters}`)}
  const int64_t row = o->a_row;
${sums((r, v) => `vf s${r}_${v} = {0};`)}  for (int64_t i = 0; i < k; i++, a += o->a_column, b += o->b_row) {
    ${loads}
${lines(rows, (r) => emit`    { const ${vector} x = ${broadcast(emit`a[${r} * row]`)}; ${adds(r)} }\n`)}  }
  if (add) {
${sums((r, v) => emit`  s${fixed(r)}_${fixed(v)} += load_f32(c + ${r} * o->c_row + ${v} * LANES);`)}  }
${sums((r, v) => emit`store_f32(c + ${r} * o->c_row + ${v} * LANES, s${fixed(r)}_${fixed(v)});`)}}
`;
}

/**
 * C function `<name>_product` that adds the product of matrices [rows, terms] and [terms, columns] to the third, or stores it: the columns
 * fill whole vectors, and those of the second and the third are neighbours. A term is an f32, or a pair of bf16.
 */
export function emitProduct(name: OwnName, compute: Compute, tile: ProductTile): Code {
  const { rows, vectors } = tile;
  const { type, depth } = STAGED[compute];
  const block = BLOCK_TERMS / depth;
  const tiles = [rows, 1].flatMap((r) => [vectors, 1].map((v) => emitTile(name, compute, r, v)));
  const matrices = emit`const ${name.and('_operands')} *o, const ${type} *a, const ${type} *b, float *c`;
  const parameters = emit`${matrices}, int64_t rows, int64_t terms, int64_t columns, int add`;
  const call = (r: number, v: number) =>
    emit`${called(name.and(`_tile${r}x${v}`), 'o, a + m * o->a_row, b + n, c + m * o->c_row + n, count, add')};`;
  const across = (r: number) => emit`      for (int64_t n = 0; n < wide; n += ${vectors} * LANES) ${call(r, vectors)}
      for (int64_t n = wide; n < columns; n += LANES) ${call(r, 1)}
`;
  return emit`/* Elements between neighbours. */
typedef struct { int64_t a_row, a_column, b_row, c_row; } ${name.and('_operands')};

${joined(tiles)}
${head('static void', name.and('_product'), emit`${parameters}`)}
  const int64_t whole = rows / ${fixed(rows)} * ${rows}, wide = columns / (${vectors} * LANES) * (${vectors} * LANES);
  for (int64_t from = 0; from < terms; from += ${block}) {
    const int64_t count = min64(${block}, terms - from);
    for (int64_t m = 0; m < whole; m += ${rows}) {
${across(rows)}    }
    for (int64_t m = whole; m < rows; m++) {
${across(1)}    }
    add = 1;
    a += ${block} * o->a_column;
    b += ${block} * o->b_row;
  }
}
`;
}
