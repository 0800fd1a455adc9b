import { type OpName, opDefinition } from './index.js';

/** Row ops that leave one number: the sum of what their rows leave, divided by the number of rows or of elements, or a count as it is. */
const TOTALS: Readonly<Record<string, 'rows' | 'elements' | 'count'>> = {
  cross_entropy: 'rows',
  mse: 'elements',
  binary_cross_entropy: 'elements',
  correct_count: 'count',
};

export function isRowTotal(op: OpName): boolean {
  return TOTALS[op] !== undefined;
}

/** What the sum over `rows` rows of `length` elements is divided by; undefined for a count, which is an i32. */
export function totalDivisor(op: OpName, rows: number, length: number): number | undefined {
  return TOTALS[op] === 'count' ? undefined : TOTALS[op] === 'elements' ? rows * length : rows;
}

/** Whether operand 1 holds the label of each row. */
export function readsLabels(op: OpName): boolean {
  return opDefinition(op).operands[1]?.name === 'label';
}
