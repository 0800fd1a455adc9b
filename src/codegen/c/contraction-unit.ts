import type { DType } from '../../ir/types.js';
import { type Code, emit } from '../code.js';

/** What the multiplications run on: f32 lanes, or bf16 pairs (two neighbours in the summed index) with an f32 sum. */
export type Compute = 'f32' | 'bf16';

/**
 * C expression that loads LANES neighbours: `kind` names the function, `half` the element of a pair. What does not come in pairs has the
 * first half alone.
 */
export type LoadPart = (kind: string, half: 0 | 1) => Code;

/** How C stages elements and multiplies them. */
interface Unit {
  /** C type of one staged element. */
  readonly type: string;
  /** How many summed indices it holds. */
  readonly depth: 1 | 2;
  /** C type of a vector of them. */
  readonly vector: string;
  /** C expression: one in every lane. */
  readonly broadcast: (element: Code) => Code;
  /** C expression: a vector of neighbours. */
  readonly load: (pointer: Code) => Code;
  /** C statement: adds the products of two vectors to sums. */
  readonly add: (sum: string, weights: string, numbers: string) => string;
  /** C statement: puts a vector of them in memory. */
  readonly store: (pointer: Code, vector: Code) => Code;
  /** C expression: a vector of them made of what memory has in `dtype`. */
  readonly stage: (dtype: DType, load: LoadPart) => Code;
  /** C expression: the same of a pool's index, to go with what is staged. */
  readonly stageIndex: (load: LoadPart) => Code;
  /** C expression: `value` where the index is `corner`, zero elsewhere. */
  readonly where: (index: string, corner: number, value: string) => Code;
  /** C expression: LANES neighbours along the summed index, as f32 lanes whatever they hold, from `in` on. */
  readonly along: (dtype: DType) => Code;
  /** C expression: one of them, number `k` of the `count` elements of a row `in`. */
  readonly one: (dtype: DType, count: number) => Code;
}

export const STAGED: Readonly<Record<Compute, Unit>> = {
  f32: {
    type: 'float',
    depth: 1,
    vector: 'vf',
    broadcast: (element) => emit`vf_set(${element})`,
    load: (pointer) => emit`load_f32(${pointer})`,
    add: (sum, weights, numbers) => `${sum} += ${numbers} * ${weights};`,
    store: (pointer, vector) => emit`store_f32(${pointer}, ${vector});`,
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
    broadcast: (element) => emit`vu_set(${element})`,
    load: (pointer) => emit`load_vu(${pointer})`,
    add: (sum, weights, numbers) => `${sum} = dot_pairs(${sum}, ${weights}, ${numbers});`,
    store: (pointer, vector) => emit`store_vu(${pointer}, ${vector});`,
    stage: (_dtype, load) => emit`pair_up(${load('h', 0)}, ${load('h', 1)})`,
    stageIndex: (load) => emit`pair_up(${load('h_u8', 0)}, ${load('h_u8', 1)})`,
    where: (index, corner, value) => emit`halves_where(${index}, ${corner}, ${value})`,
    along: () => '(vf)load_vu((const uint32_t *)in + k)',
    one: (_dtype, count) => emit`(uint32_t)in[2 * k] | (2 * k + 1 < ${count} ? (uint32_t)in[2 * k + 1] << 16 : 0)`,
  },
};
