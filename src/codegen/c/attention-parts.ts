import type { DType, Node } from '../../ir/types.js';
import { isOfKind } from '../../ops/index.js';
import { type Attention, type AttentionGradient, isDropout } from '../../plan/attention-pattern.js';
import { type Code, emit } from '../code.js';
import { ELEMENTWISE } from '../formula/elementwise.js';
import { type Leaves, Writer } from '../formula/render.js';
import { atom } from '../formula/text.js';
import { type Compute, STAGED } from './contraction-unit.js';
import { cType } from './formats.js';
import { head, note, type OwnName } from './kernel-code.js';
import { startOf } from './leaves.js';
import { C_RENDERER } from './render.js';

/** Keys of a head, and their number padded to whole vectors: what a row of scores has. */
export interface KeyRow {
  readonly keys: number;
  readonly keyRow: number;
}

function none(): never {
  throw new Error('a dropout reads its operand, the step and its place');
}

/** Elements of a row, of which `x` are those from column `c` on; the row begins at `at` in its tensor. */
const droppedAt = (x: string, node: Node): Leaves => ({
  operand: () => x,
  scalar: () => atom('step'),
  element: () => `at + c${startOf(node)}`,
  ...{ channel: none, constants: none, column: none, ofRow: none, declare: none, assign: none },
  hoist: (_value, write) => write(),
});

/** C expression: what these nodes make of a vector, one after the other: each rounds to its format, and some drop elements. */
function made(nodes: readonly Node[], value: string): string {
  return nodes.reduce((text, node) => {
    const { op, type } = node;
    const kept =
      isDropout(node) && isOfKind(op, 'elementwise') ? new Writer(C_RENDERER, droppedAt(text, node)).write(ELEMENTWISE[op](node)) : text;
    return type.dtype === 'f32' ? kept : `round_${type.dtype}(${kept})`;
  }, value);
}

/** What functions of a row take and are given besides, where elements are dropped: where the row begins, and the number of the step. */
export function dropped(nodes: readonly Node[], row: Code): { readonly parameters: string; readonly args: readonly Code[] } {
  return nodes.some(isDropout) ? { parameters: ', int64_t at, uint32_t step', args: [row, 'step'] } : { parameters: '', args: [] };
}

/** What of rows is brought into scratch: f32, or bf16 as they are, which are pairs along a row. */
export function emitRows(name: OwnName, compute: Compute, dtype: DType): Code {
  const element = cType(dtype);
  const to = compute === 'f32' ? 'float' : element;
  const store = compute === 'f32' ? 'store_f32' : 'store_h';
  const read = compute === 'f32' ? dtype : 'h';
  const parameters = `const ${element} *from, ${to} *to, int64_t count, int64_t columns, int64_t row`;
  return emit`${head('static void', name.and(`_rows_${dtype}`), parameters)}
  for (int64_t r = 0; r < count; r++) {
    for (int64_t c = 0; c < row; c += LANES) {
      const ${element} *at = from + r * columns + c;
      ${store}(to + r * row + c, columns - c >= LANES ? load_${read}(at) : load_${read}_part(at, max64(columns - c, 0)));
    }
  }
}
`;
}

/** C function that brings rows of results from scratch to memory. */
export function emitBack(name: OwnName, dtype: DType): Code {
  const element = cType(dtype);
  const parameters = `const float *from, ${element} *to, int64_t count, int64_t columns, int64_t row`;
  return emit`${head('static void', name.and(`_back_${dtype}`), parameters)}
  for (int64_t r = 0; r < count; r++) {
    for (int64_t c = 0; c < columns; c += LANES) {
      const vf x = load_f32(from + r * row + c);
      if (columns - c >= LANES) store_${dtype}(to + r * columns + c, x);
      else store_${dtype}_part(to + r * columns + c, x, columns - c);
    }
  }
}
`;
}

/** C functions that exchange rows and columns, with zeros behind each row of the result; and that make pairs of rows of bf16. */
export function emitExchange(name: OwnName, compute: Compute): Code {
  const { type } = STAGED[compute];
  const sizes = 'int64_t rows, int64_t columns, int64_t from_row, int64_t to_row';
  const pairs = emit`${head('static void', name.and('_pairs'), 'const uint16_t *from, uint32_t *to, int64_t count, int64_t row')}
  for (int64_t r = 0; r < count; r += 2) {
    for (int64_t c = 0; c < row; c += LANES) {
      const vh second = r + 1 < count ? load_h(from + (r + 1) * row + c) : (vh){0};
      store_vu(to + r / 2 * row + c, pair_up(load_h(from + r * row + c), second));
    }
  }
}
`;
  // Rows of f32 fill whole vectors, those of pairs perhaps half of the last.
  const whole = compute === 'f32';
  const at = 'from + (r + i) * from_row + c';
  const load = whole ? `load_f32(${at})` : `(vf)load_vu_part(${at}, min64(LANES, columns - c))`;
  const count = whole ? 'LANES' : 'min64(LANES, columns - c)';
  return emit`${head('static void', name.and('_exchange'), emit`const ${type} *restrict from, ${type} *restrict to, ${sizes}`)}
  for (int64_t r = 0; r < to_row; r += LANES) {
    for (int64_t c = 0; c < columns; c += LANES) {
      vf block[LANES];
      for (int64_t i = 0; i < LANES; i++) block[i] = r + i < rows ? ${load} : (vf){0};
      transpose(block);
      for (int64_t i = 0; i < ${count}; i++) store_f32((float *)to + (c + i) * to_row + r, block[i]);
    }
  }
}
${compute === 'bf16' ? pairs : ''}`;
}

/** C statement: stores a vector of what the products take, which has that format already. */
function storeTerms(compute: Compute, to: string, value: Code): Code {
  return compute === 'f32' ? emit`store_f32(${to} + c, ${value});` : emit`store_bf16_exact((uint16_t *)${to} + c, ${value});`;
}

/** C function: the probabilities of one row of scores in place, and as the weighted sums take them. */
export function emitSoftmax(name: OwnName, compute: Compute, attention: Attention, { keys, keyRow }: KeyRow): Code {
  const { scores, before, softmax, after } = attention;
  const counted = softmax.attrs.causal === true ? emit`min64(row + 1, ${keys})` : emit`((void)row, ${keys})`;
  const score = made([scores, ...before], 'load_f32(s + c)');
  const parameters = `float *restrict s, ${STAGED[compute].type} *restrict weights, int64_t count${dropped(after, '').parameters}`;
  return emit`${head('static void', name.and('_softmax'), parameters)}
  vf lanes = vf_set(-INFINITY);
  for (int64_t c = 0; c < count; c += LANES) {
    const vf x = ${score};
    store_f32(s + c, x);
    lanes = vf_max(lanes, count - c >= LANES ? x : vf_first(x, count - c, -INFINITY));
  }
  const vf largest = vf_set(vf_max_lane(lanes));
  vw sums = {{0}};
  for (int64_t c = 0; c < count; c += LANES) {
    const vf power = vf_exp(load_f32(s + c) - largest);
    const vf counted = count - c >= LANES ? power : vf_first(power, count - c, 0.0f);
    store_f32(s + c, counted);
    sums = vw_add(sums, counted);
  }
  const vf sum = vf_set((float)vw_sum(sums));
  for (int64_t c = 0; c < ${keyRow}; c += LANES) {
    const vf p = c < count ? ${made([softmax], 'load_f32(s + c) / sum')} : vf_set(0.0f);
    store_f32(s + c, p);
    ${storeTerms(compute, 'weights', made(after, 'p'))}
  }
}
${note`Columns that count in a row: there are ${keys}.`}
${head('INLINE int64_t', name.and('_counted'), 'int64_t row')} return ${counted}; }
`;
}

/** C function: the gradient of one row of scores of that of its weights. */
export function emitSoftmaxGrad(name: OwnName, compute: Compute, attention: AttentionGradient, { keyRow }: KeyRow): Code {
  const { weightsGrad, widened, softmaxGrad, rounded: casts } = attention;
  const rows = `const float *restrict p, float *restrict d, ${STAGED[compute].type} *restrict result`;
  return emit`${head('static void', name.and('_softmax_grad'), `${rows}${dropped(widened, '').parameters}`)}
  vw sums = {{0}};
  for (int64_t c = 0; c < ${keyRow}; c += LANES) {
    const vf x = ${made([weightsGrad, ...widened], 'load_f32(d + c)')};
    store_f32(d + c, x);
    sums = vw_add(sums, vf_keep(x * load_f32(p + c)));
  }
  const vf dot = vf_set((float)vw_sum(sums));
  for (int64_t c = 0; c < ${keyRow}; c += LANES) {
    const vf x = ${made([softmaxGrad, ...casts], 'load_f32(p + c) * (load_f32(d + c) - dot)')};
    ${storeTerms(compute, 'result', 'x')}
  }
}
`;
}
