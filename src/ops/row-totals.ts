import { type OpName, opDefinition } from './index.js';
import type { OpTraits } from './traits.js';

const DIVISORS: Readonly<Record<NonNullable<OpTraits['leavesTotal']>, (rows: number, length: number) => number | undefined>> = {
  over_rows: (rows) => rows,
  over_elements: (rows, length) => rows * length,
  count: () => undefined,
};

export function isRowTotal(op: OpName): boolean {
  return opDefinition(op).leavesTotal !== undefined;
}

/**
 * What the sum over `rows` rows of `length` elements is divided by; undefined for a count. Throws a plain Error on an op that leaves no
 * total.
 */
export function totalDivisor(op: OpName, rows: number, length: number): number | undefined {
  const { leavesTotal } = opDefinition(op);
  if (leavesTotal === undefined) throw new Error(`${op} leaves no total`);
  return DIVISORS[leavesTotal](rows, length);
}

/** Whether operand 1 holds the label of each row. */
export function readsLabels(op: OpName): boolean {
  return opDefinition(op).operands[1]?.name === 'label';
}
