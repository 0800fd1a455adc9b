/**
 * The kernel language: what an op computes, as immutable data that every code-generating backend renders. An expression is a value of one
 * type; how it varies over a tensor is part of it, so that a renderer knows what to broadcast and what it may compute once.
 *
 * What decides bits is written out. Operations are computed in f32 and rounded to nearest even, from left to right. A product in a sum or
 * difference may be contracted to one rounding or not, as the target likes; `fma` asks for one rounding where the processor has it, and
 * `keep` rounds a value where it stands. Choices that depend on the target's precision are `byPrecision`.
 */

/** `index`: the row-major number of an element, in whatever integer the target counts elements. */
export type ValueType = 'f32' | 'f64' | 'i32' | 'u32' | 'bool' | 'index';

/**
 * How a value varies: not at all within a tensor, by row (all but the last axis), by channel (the last axis), or by element. Doubles are
 * scalars: where a target has none, it needs none.
 */
export type Extent = 'scalar' | 'row' | 'channel' | 'element';

export interface Expression<T extends ValueType = ValueType> {
  readonly type: T;
  readonly extent: Extent;
  readonly form: Form;
}

export type F32 = Expression<'f32'>;
export type F64 = Expression<'f64'>;
export type I32 = Expression<'i32'>;
export type U32 = Expression<'u32'>;
export type Bool = Expression<'bool'>;

/**
 * Operations and what they mean where the name does not say it.
 * - `fma`, `fms`: a * b + c, a * b - c, rounded once where the processor can.
 * - `keep`: the operand, rounded where it stands: nothing contracts it with a sum, nothing regroups it with a product.
 * - `in_order`: the same for a target that may regroup products of its own accord; nothing elsewhere.
 * - `select`: (condition, value if true, value if false). `or_zero`: (condition, value), zero if false.
 * - `is_positive_or_nan`: x > 0 or NaN, whatever the target's comparisons make of NaNs; `is_nan`, `is_finite` likewise.
 * - `clamp`: (x, low, high), anything for a NaN.
 * - `nearest`: the integer nearest to x (a tie goes to the even one), for |x| below 2^22.
 * - `power_of_two`: 2^n as f32, n in -126..127.
 * - `with_sign`: (magnitude >= 0, x): the magnitude with the sign of x; x is no zero.
 * - `bits`: an f32's bits; `from_bits`: the f32 of some bits. Shifts of i32 keep the sign.
 * - `random_word`: (key, key, element, step): the element's 32 random bits, Threefry-2x32 as in `src/random`.
 */
export type Operation =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'neg'
  | 'abs'
  | 'sqrt'
  | 'min'
  | 'max'
  | 'clamp'
  | 'fma'
  | 'fms'
  | 'keep'
  | 'in_order'
  | 'less'
  | 'greater'
  | 'at_least'
  | 'equal'
  | 'not'
  | 'and'
  | 'or'
  | 'select'
  | 'or_zero'
  | 'is_positive_or_nan'
  | 'is_nan'
  | 'is_finite'
  | 'nearest'
  | 'power_of_two'
  | 'with_sign'
  | 'shift_left'
  | 'shift_right'
  | 'mask'
  | 'bits'
  | 'from_bits'
  | 'to_f32'
  | 'to_i32'
  | 'to_u32'
  | 'random_word';

/** Operations on doubles; `power` takes a whole exponent. Only targets with doubles have them. */
export type DoubleOperation = 'to_f64' | 'power';

/**
 * - `number`: `computed` from attributes or shapes (rounded to its type), or written in the formula.
 * - `operand`, `channel`, `scalar`: operand `index` of the node at the element, at its channel (one number per channel) or as one number.
 * - `constants`: numbers of the channels; they repeat when there are fewer of them than channels. The name tells apart those of one node.
 * - `element`: the element's own number. `column`: its place along the last axis, in loops that walk rows.
 * - `of_row`: number `offset` of the `of` numbers that operand `index` has for each row.
 * - `let`: the bound values are computed first, in order; what refers to them in the body takes them from there.
 * - `named`: a value under a name of its own, computed once.
 * - `polynomial`: coefficients from the highest power down, by Horner's rule with an `fma` each.
 * - `by_precision`: a formula in doubles, and one for targets without.
 */
export type Form =
  | { readonly kind: 'number'; readonly value: number; readonly computed: boolean }
  | { readonly kind: 'operand' | 'channel' | 'scalar'; readonly index: number }
  | { readonly kind: 'constants'; readonly name: string; readonly values: readonly number[] }
  | { readonly kind: 'element' | 'column' }
  | { readonly kind: 'of_row'; readonly index: number; readonly offset: number; readonly of: number }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'apply'; readonly operation: Operation | DoubleOperation; readonly args: readonly Expression[] }
  | { readonly kind: 'let'; readonly bound: readonly Expression[]; readonly body: Expression }
  | { readonly kind: 'named'; readonly name: string; readonly value: Expression }
  | { readonly kind: 'polynomial'; readonly name: string; readonly x: F32; readonly coefficients: readonly number[] }
  | { readonly kind: 'call'; readonly callee: FormulaFunction; readonly args: readonly Expression[] }
  | { readonly kind: 'by_precision'; readonly double: Expression; readonly single: Expression };

export interface Parameter<T extends ValueType = ValueType> extends Expression<T> {
  readonly form: { readonly kind: 'parameter'; readonly name: string };
}

/** A function of the language, rendered once per program and called by name. */
export interface FormulaFunction<T extends ValueType = ValueType> {
  readonly name: string;
  /** What it computes and how, for readers of the generated code. */
  readonly doc?: string;
  readonly parameters: readonly Parameter[];
  readonly result: Expression<T>;
  /** Only formulas for targets with doubles, or for those without, call it. */
  readonly only?: 'double' | 'single';
}

const ORDER: Readonly<Record<Extent, number>> = { scalar: 0, row: 1, channel: 1, element: 2 };

export function isWider(a: Extent, b: Extent): boolean {
  return ORDER[a] > ORDER[b];
}

/** The extent of what is computed from values of these extents. */
export function widest(values: readonly Expression[]): Extent {
  return values.reduce<Extent>((extent, value) => (isWider(value.extent, extent) ? value.extent : extent), 'scalar');
}
