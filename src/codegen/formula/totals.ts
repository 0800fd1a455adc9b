import type { OpOfKind } from '../../ops/index.js';
import { isFiniteValue, operand } from './build.js';
import type { Bool, F32 } from './expression.js';

/**
 * One number of all elements of any number of tensors: whether a condition holds for all of them, or the root of the sum of their squares,
 * of which none overflows or vanishes; of finite elements it is at most the largest f32.
 */
export type Total = { readonly of: 'all'; readonly term: Bool } | { readonly of: 'norm'; readonly term: F32 };

/** Ops that leave one number of all elements; operand 0 is the element, of whichever tensor. */
export const TOTALS: Readonly<Record<OpOfKind<'total'>, Total>> = {
  all_finite: { of: 'all', term: isFiniteValue(operand(0)) },
  global_norm: { of: 'norm', term: operand(0) },
};
