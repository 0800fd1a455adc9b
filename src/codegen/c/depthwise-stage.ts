import type { FloatType } from '../../ir/types.js';
import { type Code, emit, fixed, joined } from '../code.js';
import { askFor } from './ask-ahead.js';
import { type Depthwise, haloOf } from './depthwise-geometry.js';
import { asNumber, cType } from './formats.js';
import { arraySize, head, type OwnName } from './kernel-code.js';

/** Bytes of source rows that a task keeps at hand: they stay in a first-level cache. */
const RING = 24 * 1024;

/**
 * Rows of the source on their way to the multiplications, as f32 with zeros at both ends. Row t is in slot t modulo `slots`, where it
 * replaces one that is needed no more. Within a row: columns, the summed channels of a group, and the vectors of a block of results.
 */
export interface Ring {
  readonly dtype: FloatType;
  readonly slots: number;
  /** Results' channels of one block, and vectors of them. */
  readonly block: number;
  readonly vectors: number;
  readonly blocks: number;
  readonly left: number;
  readonly right: number;
  /** Elements of a slot. */
  readonly rowSize: number;
}

/** A ring of so many rows. Its blocks of channels are as many as keep it in the cache, and alike in size. */
export function ringOf(d: Depthwise, dtype: FloatType, slots: number, lanes: number): Ring {
  const [left, right] = haloOf(d.columns);
  const width = (left + d.columns.source + right) * d.k;
  const all = Math.ceil((d.groups * d.n) / lanes);
  const fitting = Math.max(1, Math.floor(RING / (slots * width * lanes * 4)));
  const vectors = Math.ceil(all / Math.ceil(all / fitting));
  return { dtype, slots, block: vectors * lanes, vectors, blocks: Math.ceil(all / vectors), left, right, rowSize: width * vectors * lanes };
}

export function ringBytes({ slots, rowSize }: Ring): number {
  return slots * rowSize * 4;
}

/** Statements that put one vector of a position in place, and ask for that `ahead` rows on. The mask says that fewer lanes are fewer. */
function spread(d: Depthwise, ring: Ring, lanes: number, ahead: number): Code {
  const channels = d.groups * d.n;
  const load =
    channels % lanes === 0
      ? `load_${ring.dtype}(from)`
      : emit`c + LANES <= ${channels} ? load_${ring.dtype}(from) : load_${ring.dtype}_part(from, (${channels} - c) & (LANES - 1))`;
  const vector = emit`        const int64_t c = channel + v * LANES;
        const ${cType(ring.dtype)} *from = in + column * ${channels} + c;
        ${askFor(emit`from + ${ahead * d.columns.source * channels}`)}
        const vf value = ${load};
`;
  switch (d.spreading) {
    case 'same':
      return emit`${vector}        store_f32(to + v * LANES, value);\n`;
    case 'permuted':
      return joined([vector, ...Array.from({ length: d.k }, (_, c) => permute(d, c, emit`to + ${c * ring.block} + v * LANES`, lanes))]);
    case 'gathered':
      return emit`        for (int64_t c = 0; c < ${d.k}; c++) {
          for (int64_t lane = v * LANES; lane < (v + 1) * LANES; lane++) {
            const ${cType(ring.dtype)} *from = in + column * ${d.groups * d.k} + source[lane] + c;
            to[c * ${ring.block} + lane] = ${asNumber(ring.dtype, '*from')};
          }
        }
`;
  }
}

/** Statement that stores the value with channel c of its own group in every lane. */
function permute(d: Depthwise, c: number, address: Code, lanes: number): Code {
  const places = Array.from({ length: lanes }, (_, lane) => Math.floor(lane / d.n) * d.n + c);
  return emit`        store_f32(${address}, (vf)PERMUTE(value, ${places.join(', ')}));\n`;
}

/** The two spellings that compilers have for a vector's lanes in another order. */
const PERMUTE = `#if defined(__clang__)
#define PERMUTE(v, ...) __builtin_shufflevector(v, v, __VA_ARGS__)
#else
#define PERMUTE(v, ...) __builtin_shuffle(v, (vi){__VA_ARGS__})
#endif
`;

/**
 * C functions \`name(in, out, channel, count)\`, which brings a row of the source into its slot, for \`count\` vectors of results from
 * \`channel\` on, and \`name_sides(ring)\`, which fills the ends of all slots with zeros.
 */
export function emitRing(name: OwnName, d: Depthwise, ring: Ring, lanes: number, ahead: number): Code {
  const position = d.k * ring.block;
  const sides = [
    [0, ring.left],
    [ring.left + d.columns.source, ring.right],
  ] as const;
  const zeros = sides
    .filter(([, count]) => count > 0)
    .map(([at, count]) => emit`    memset(ring + slot * ${ring.rowSize} + ${at * position}, 0, ${count * position * 4});\n`);
  const table = emit`  int32_t source[${arraySize(ring.block)}];
  for (int64_t i = 0; i < ${ring.block}; i++) source[i] = (int32_t)(min64(channel + i, ${d.groups * d.n - 1}) / ${fixed(d.n)} * ${d.k});
`;
  return emit`${d.spreading === 'permuted' ? `#ifndef PERMUTE\n${PERMUTE}#endif\n` : ''}
${head('static void', name, emit`const ${cType(ring.dtype)} *in, float *out, int64_t channel, int64_t count`)}
${d.spreading === 'gathered' ? table : ''}  for (int64_t column = 0; column < ${d.columns.source}; column++) {
    float *to = out + (column + ${ring.left}) * ${position};
    for (int64_t v = 0; v < count; v++) {
${spread(d, ring, lanes, ahead)}    }
  }
}

${head('static void', name.and('_sides'), 'float *ring')}
  (void)ring;
${zeros.length === 0 ? '' : emit`  for (int64_t slot = 0; slot < ${ring.slots}; slot++) {\n${joined(zeros)}  }\n`}}
`;
}
