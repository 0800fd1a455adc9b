import type { Node } from '../../ir/types.js';
import { LIMITS } from '../../numeric/formats.js';
import { atLeast, column, div, equal, named, number, operand, orZero, parameter, select, sub } from './build.js';
import type { F32, Parameter } from './expression.js';
import { exp, log } from './special-functions.js';

/**
 * What is taken of a term over the columns of a row. Sums are kept to more than f32, in doubles or with what each addition rounds off, and
 * are rounded once.
 * - `mean_of_squares`: the term is squared to more than f32 where the target has doubles.
 * - `largest`: anything where a term is NaN.
 * - `at_label`: the term at the column that is the row's label.
 * - `first_largest`: the column of the first of the largest terms, as i32; where a term is NaN, no column.
 */
export type RowReduction = 'sum' | 'mean' | 'mean_of_squares' | 'largest' | 'at_label' | 'first_largest';

/** A number of the row by that name. A `wide` one is an f64 where the target has doubles. */
export interface RowNumber {
  readonly by: RowReduction;
  readonly name: string;
  readonly term: F32;
  readonly wide?: true;
}

/** Numbers that are found in one loop over the columns; or a number that follows from earlier ones. */
export type RowStep = { readonly loop: readonly RowNumber[] } | { readonly name: string; readonly value: F32 };

/** What becomes of a row: a result at every column, so many results by themselves, or its share of a total. */
export type RowResult = { readonly each: F32 } | { readonly numbers: readonly F32[] } | { readonly share: F32 };

/**
 * An op along the last axis. Of a row without a label (-1), or with the one that is ignored, every result is zero, whatever else it holds.
 */
export interface RowFormula {
  readonly steps: readonly RowStep[];
  readonly result: RowResult;
  readonly ignored?: number;
  /** Rows of a matrix: the formula asks for the `PLACE` of a row in its matrix. */
  readonly matrixRows?: number;
}

export type RowRule = (node: Node, shape: readonly number[]) => RowFormula;

export const ofThis = (name: string): F32 => parameter(name, 'f32', 'row');
/** The label of the row, where the op has labels. */
export const LABEL: Parameter<'i32'> = parameter('label', 'i32', 'row');
export const isLabel = equal(column, LABEL);
/** The row's place in its matrix, of a formula that says how many rows a matrix has. */
export const PLACE: Parameter<'i32'> = parameter('place', 'i32', 'row');

/** Declares numbers of one loop; what they are called in formulas is `ofThis` of their names. */
export const loop = (...numbers: readonly RowNumber[]): RowStep => ({ loop: numbers });

const [largest, sum] = [ofThis('largest'), ofThis('sum')];
/** e^(x - largest), which over `sum` is a probability. */
const power = exp(sub(operand(0), largest));
export const exponentials: readonly RowStep[] = [
  loop({ by: 'largest', name: 'largest', term: operand(0) }),
  loop({ by: 'sum', name: 'sum', term: named('power', power) }),
];
export const probability: F32 = div(power, sum);

/** The same over the columns up to the row's place alone. */
const counts = atLeast(PLACE, column);
const countedPower = orZero(counts, power);
export const causalExponentials: readonly RowStep[] = [
  loop({ by: 'largest', name: 'largest', term: select(counts, operand(0), number(-LIMITS.f32.largest)) }),
  loop({ by: 'sum', name: 'sum', term: named('power', countedPower) }),
];
export const causalProbability: F32 = div(countedPower, sum);
export const logSum: RowStep = { name: 'log_sum', value: log(sum) };
