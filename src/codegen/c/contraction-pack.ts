import type { DType } from '../../ir/types.js';
import type { Compute } from './contraction-tile.js';
import { STAGED } from './contraction-tile.js';
import { C_TYPE } from './kernel.js';

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
}

const CHUNK = 64;

/** Summed elements of one tap. */
function depth(p: Packing): number {
  return Math.ceil(p.k / STAGED[p.compute].depth);
}

function tiles(p: Packing): number {
  return Math.ceil(Math.ceil(p.n / p.lanes) / p.vectors);
}

/** Tasks of the packing function. */
export function packTasks(p: Packing): number {
  return p.transposed ? p.taps.length * tiles(p) : p.taps.length * Math.ceil(depth(p) / CHUNK);
}

/** C expression: vectors of tile `t`. */
function width(p: Packing): string {
  const total = Math.ceil(p.n / p.lanes);
  return total % p.vectors === 0 ? String(p.vectors) : `(t < ${Math.floor(total / p.vectors)} ? ${p.vectors} : ${total % p.vectors})`;
}

function packRows(name: string, p: Packing, source: string, packed: string): string {
  const { type } = STAGED[p.compute];
  const chunks = Math.ceil(depth(p) / CHUNK);
  const part = p.n % p.lanes !== 0;
  const load = (kind: string, row: string) =>
    part ? `load_${kind}_part(${row} + n, min64(LANES, ${p.n} - n))` : `load_${kind}(${row} + n)`;
  const odd = p.k % 2 === 1;
  const high = odd ? `(2 * k + 1 < ${p.k} ? ${load('h', `in + ${p.n}`)} : (vh){0})` : load('h', `in + ${p.n}`);
  const store = p.compute === 'f32' ? `store_f32(out, ${load(p.dtype, 'in')});` : `store_vu(out, pair_up(${load('h', 'in')}, ${high}));`;
  return `static void ${name}(void *const *p, int64_t task) {
  static const int taps[] = {${p.taps.join(', ')}};
  const int64_t tap = task / ${chunks}, k0 = task % ${chunks} * ${CHUNK};
  ${type} *packed = (${type} *)${packed};
  for (int64_t k = k0; k < min64(k0 + ${CHUNK}, ${depth(p)}); k++) {
    const ${C_TYPE[p.dtype]} *in = ${source} + (taps[tap] * ${p.k} + k * ${STAGED[p.compute].depth}) * ${p.n};
    for (int64_t n = 0, vector = 0; n < ${p.n}; n += LANES, vector++) {
      const int64_t t = vector / ${p.vectors}, v = vector % ${p.vectors};
      ${type} *out = packed + (t * ${p.vectors * p.taps.length * depth(p)} + (tap * ${depth(p)} + k) * ${width(p)} + v) * LANES;
      ${store}
    }
  }
}
`;
}

function packColumns(name: string, p: Packing, source: string, packed: string): string {
  const { type } = STAGED[p.compute];
  const count = tiles(p);
  const step =
    p.compute === 'f32'
      ? `      int64_t k = 0;
      for (; k + LANES <= ${p.k}; k += LANES) {
        float values[LANES];
        store_f32(values, load_${p.dtype}(in + k));
        for (int64_t i = 0; i < LANES; i++) out[(k + i) * pitch] = values[i];
      }
      for (; k < ${p.k}; k++) out[k * pitch] = load_${p.dtype}_part(in + k, 1)[0];`
      : `      for (int64_t k = 0; k < ${p.k >> 1}; k++) out[k * pitch] = (uint32_t)in[2 * k] | (uint32_t)in[2 * k + 1] << 16;${p.k % 2 === 1 ? `\n      out[${p.k >> 1} * pitch] = in[${p.k - 1}];` : ''}`;
  return `static void ${name}(void *const *p, int64_t task) {
  static const int taps[] = {${p.taps.join(', ')}};
  const int64_t tap = task / ${count}, t = task % ${count}, pitch = ${width(p)} * LANES;
  ${type} *packed = (${type} *)${packed} + (t * ${p.vectors * p.taps.length * depth(p)} + tap * ${depth(p)} * ${width(p)}) * LANES;
  for (int64_t lane = 0; lane < pitch; lane++) {
    const int64_t n = t * ${p.vectors} * LANES + lane;
    ${type} *out = packed + lane;
    if (n < ${p.n}) {
      const ${C_TYPE[p.dtype]} *in = ${source} + ((int64_t)taps[tap] * ${p.n} + n) * ${p.k};
${step}
    } else {
      for (int64_t k = 0; k < ${depth(p)}; k++) out[k * pitch] = 0;
    }
  }
}
`;
}

/** C function that packs the weight, one task a piece. */
export function emitPack(name: string, p: Packing, source: string, packed: string): string {
  return p.transposed ? packColumns(name, p, source, packed) : packRows(name, p, source, packed);
}
