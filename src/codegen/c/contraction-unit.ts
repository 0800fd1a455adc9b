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
