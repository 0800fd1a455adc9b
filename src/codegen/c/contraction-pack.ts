import type { DType } from '../../ir/types.js';
import { type Code, emit, fixed } from '../code.js';
import type { Copies } from './contraction-geometry.js';
import { type Compute, STAGED } from './contraction-unit.js';
import { cType } from './formats.js';
import { head, numberTable, type OwnName } from './kernel-code.js';

/** The weight as the tiles read it: for each tile of channels, the summed indices in order, each with its vectors of channels. */
export interface Packing {
  readonly dtype: DType;
  readonly compute: Compute;
  readonly k: number;
  readonly n: number;
  /** The weight's tap at each position of the summation order. */
  readonly taps: readonly number[];
  /** Vectors of a whole tile. */
  readonly vectors: number;
  /** [tap][n][k] rather than [tap][k][n]. */
  readonly transposed: boolean;
  readonly lanes: number;
  readonly copies: Copies;
  /** Elements of the weight of one element of the batch. */
  readonly size: number;
}

const CHUNK = 64;

/** Summed elements of one tap. */
function depth(p: Packing): number {
  return Math.ceil(p.k / STAGED[p.compute].depth);
}

function tiles(p: Packing): number {
  return Math.ceil(Math.ceil(p.n / p.lanes) / p.vectors);
}

/** Packed elements of one copy. */
export function packedSize(p: Packing): number {
  return p.taps.length * depth(p) * Math.ceil(p.n / p.lanes) * p.lanes;
}

/** Tasks of the packing function. */
export function packTasks(p: Packing): number {
  return p.copies.batch * p.copies.groups * copyTasks(p);
}

function copyTasks(p: Packing): number {
  return p.transposed ? p.taps.length * tiles(p) : p.taps.length * Math.ceil(depth(p) / CHUNK);
}

/** C expression: vectors of tile `t`. */
function width(p: Packing): Code {
  const total = Math.ceil(p.n / p.lanes);
  return total % p.vectors === 0 ? emit`${p.vectors}` : emit`(t < ${Math.floor(total / p.vectors)} ? ${p.vectors} : ${total % p.vectors})`;
}

/**
 * Where the weight of a task's copy begins, and where what is packed of it: statements that turn `task` into a task of that copy, and both.
 */
function copyOf(p: Packing, source: Code, packed: Code) {
  const { batch, groups } = p.copies;
  if (batch * groups === 1) return { start: '', weight: source, packed };
  return {
    start: emit`  const int64_t copy = task / ${copyTasks(p)};
  const ${cType(p.dtype)} *weight = ${source} + copy / ${fixed(groups)} * ${p.size} + copy % ${fixed(groups)} * ${p.transposed ? p.k : p.n};
  task %= ${copyTasks(p)};
`,
    weight: 'weight',
    packed: emit`${packed} + copy * ${packedSize(p)}`,
  };
}

function packRows(name: OwnName, p: Packing, source: Code, packed: Code): Code {
  const unit = STAGED[p.compute];
  const { type } = unit;
  const chunks = Math.ceil(depth(p) / CHUNK);
  const pitch = p.copies.groups * p.n;
  const copy = copyOf(p, source, packed);
  const part = p.n % p.lanes !== 0;
  const load = (kind: string, row: Code) =>
    part ? emit`load_${kind}_part(${row} + n, min64(LANES, ${p.n} - n))` : emit`load_${kind}(${row} + n)`;
  const odd = p.k % 2 === 1;
  // A pair is of two neighbours in the summed index; an odd last one has none.
  const neighbour = (kind: string, half: 0 | 1) => {
    const value = load(kind, half === 0 ? 'in' : emit`in + ${pitch}`);
    return half === 1 && odd ? emit`(2 * k + 1 < ${p.k} ? ${value} : (vh){0})` : value;
  };
  const store = unit.store('out', unit.stage(p.dtype, neighbour));
  return emit`${head('static void', name, 'void *const *p, int64_t task')}
  ${numberTable('taps', p.taps)}
${copy.start}  const int64_t tap = task / ${chunks}, k0 = task % ${chunks} * ${CHUNK};
  ${type} *packed = (${type} *)${copy.packed};
  for (int64_t k = k0; k < min64(k0 + ${CHUNK}, ${depth(p)}); k++) {
    const ${cType(p.dtype)} *in = ${copy.weight} + (taps[tap] * ${p.k} + k * ${STAGED[p.compute].depth}) * ${pitch};
    for (int64_t n = 0, vector = 0; n < ${p.n}; n += LANES, vector++) {
      const int64_t t = vector / ${fixed(p.vectors)}, v = vector % ${fixed(p.vectors)};
      ${type} *out = packed + (t * ${p.vectors * p.taps.length * depth(p)} + (tap * ${depth(p)} + k) * ${width(p)} + v) * LANES;
      ${store}
    }
  }
}
`;
}

function packColumns(name: OwnName, p: Packing, source: Code, packed: Code): Code {
  const unit = STAGED[p.compute];
  const { type } = unit;
  const count = tiles(p);
  const pitch = p.copies.groups * p.k;
  const copy = copyOf(p, source, packed);
  const whole = Math.floor(p.k / unit.depth / p.lanes) * p.lanes;
  const [load, one] = [unit.along(p.dtype), unit.one(p.dtype, p.k)];
  const rest =
    whole === depth(p)
      ? ''
      : emit`    for (int64_t i = 0; i < LANES; i++) {
      const ${cType(p.dtype)} *in = first + i * ${pitch};
      for (int64_t k = ${whole}; k < ${depth(p)}; k++) out[k * pitch + i] = n + i < ${p.n} ? ${one} : 0;
    }
`;
  const row = p.n % p.lanes === 0 ? load : emit`n + i < ${p.n} ? ${load} : (vf){0}`;
  const blocks =
    whole === 0
      ? ''
      : emit`    for (int64_t k = 0; k < ${whole}; k += LANES) {
      vf rows[LANES];
      for (int64_t i = 0; i < LANES; i++) {
        const ${cType(p.dtype)} *in = first + i * ${pitch};
        rows[i] = ${row};
      }
      transpose(rows);
      for (int64_t i = 0; i < LANES; i++) store_f32((float *)out + (k + i) * pitch, rows[i]);
    }
`;
  return emit`${head('static void', name, 'void *const *p, int64_t task')}
  ${numberTable('taps', p.taps)}
${copy.start}  const int64_t tap = task / ${count}, t = task % ${count}, pitch = ${width(p)} * LANES;
  ${type} *packed = (${type} *)${copy.packed} + (t * ${p.vectors * p.taps.length * depth(p)} + tap * ${depth(p)} * ${width(p)}) * LANES;
  for (int64_t lane = 0; lane < pitch; lane += LANES) {
    const int64_t n = t * ${p.vectors} * LANES + lane;
    const ${cType(p.dtype)} *first = ${copy.weight} + ((int64_t)taps[tap] * ${p.n} + n) * ${pitch};
    ${type} *out = packed + lane;
${blocks}${rest}  }
}
`;
}

/** C function that packs the weight, one task a piece. */
export function emitPack(name: OwnName, p: Packing, source: Code, packed: Code): Code {
  return p.transposed ? packColumns(name, p, source, packed) : packRows(name, p, source, packed);
}
