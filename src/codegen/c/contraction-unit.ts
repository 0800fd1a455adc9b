import type { DType } from '../../ir/types.js';

/** What the multiplications run on: f32 lanes, or bf16 pairs (two neighbours in the summed index) with an f32 sum. */
export type Compute = 'f32' | 'bf16';

/**
 * C expression that loads LANES neighbours: `kind` names the function, `half` the element of a pair. What does not come in pairs has the
 * first half alone.
 */
export type LoadPart = (kind: string, half: 0 | 1) => string;

/** How C stages elements and multiplies them. */
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
  /** C statement: puts a vector of them in memory. */
  readonly store: (pointer: string, vector: string) => string;
  /** C expression: a vector of them made of what memory has in `dtype`. */
  readonly stage: (dtype: DType, load: LoadPart) => string;
  /** C expression: the same of a pool's index, to go with what is staged. */
  readonly stageIndex: (load: LoadPart) => string;
  /** C expression: `value` where the index is `corner`, zero elsewhere. */
  readonly where: (index: string, corner: number, value: string) => string;
  /** C expression: LANES neighbours along the summed index, as f32 lanes whatever they hold, from `in` on. */
  readonly along: (dtype: DType) => string;
  /** C expression: one of them, number `k` of the `count` elements of a row `in`. */
  readonly one: (dtype: DType, count: number) => string;
}

export const STAGED: Readonly<Record<Compute, Unit>> = {
  f32: {
    type: 'float',
    depth: 1,
    vector: 'vf',
    broadcast: (element) => `vf_set(${element})`,
    load: (pointer) => `load_f32(${pointer})`,
    add: (sum, weights, numbers) => `${sum} += ${numbers} * ${weights};`,
    store: (pointer, vector) => `store_f32(${pointer}, ${vector});`,
    stage: (dtype, load) => load(dtype, 0),
    stageIndex: (load) => load('u8', 0),
    where: (index, corner, value) => `vf_and(${index} == vf_set(${corner}.0f), ${value})`,
    along: (dtype) => `load_${dtype}(in + k)`,
    one: (dtype) => `load_${dtype}_part(in + k, 1)[0]`,
  },
  bf16: {
    type: 'uint32_t',
    depth: 2,
    vector: 'vu',
    broadcast: (element) => `vu_set(${element})`,
    load: (pointer) => `load_vu(${pointer})`,
    add: (sum, weights, numbers) => `${sum} = dot_pairs(${sum}, ${weights}, ${numbers});`,
    store: (pointer, vector) => `store_vu(${pointer}, ${vector});`,
    stage: (_dtype, load) => `pair_up(${load('h', 0)}, ${load('h', 1)})`,
    stageIndex: (load) => `pair_up(${load('h_u8', 0)}, ${load('h_u8', 1)})`,
    where: (index, corner, value) => `halves_where(${index}, ${corner}, ${value})`,
    along: () => '(vf)load_vu((const uint32_t *)in + k)',
    one: (_dtype, count) => `(uint32_t)in[2 * k] | (2 * k + 1 < ${count} ? (uint32_t)in[2 * k + 1] << 16 : 0)`,
  },
};
