import type { OpOfKind } from '../../ops/index.js';
import { equal, number, operand, select } from './build.js';
import type { F32 } from './expression.js';

/**
 * A number of all elements along some axes. Sums are kept to more than f32, and a mean does not overflow before it is divided; the order of
 * additions depends on the shape alone.
 */
export interface AxesReduction {
  /** `largest`: or NaN, where one of them is. */
  readonly of: 'sum' | 'mean' | 'largest';
  /** What each element gives, from operand 0 there and from others, of the result's shape, where the result is. */
  readonly term: F32;
}

const x = operand(0);

/** Ops that leave a number of all elements along some axes. */
export const AXES_REDUCTIONS: Readonly<Record<OpOfKind<'axes'>, AxesReduction>> = {
  sum: { of: 'sum', term: x },
  mean: { of: 'mean', term: x },
  max: { of: 'largest', term: x },
  max_ties: { of: 'sum', term: select(equal(x, operand(1)), number(1), number(0)) },
};
