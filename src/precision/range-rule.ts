import { elementCount, type Graph, type Node } from '../ir/types.js';
import { type Range, withZero } from './range.js';

/** What a rule sees of the node that it bounds. */
export interface RangeContext {
  readonly node: Node;
  readonly graph: Graph;
  /** Ranges of the operands, in order. */
  readonly operands: readonly Range[];
  /** The elements of operand `index` where they are known: a state, in the format in which it is read. */
  known(index: number): ArrayLike<number> | undefined;
  /** The shape of operand `index`. */
  shape(index: number): readonly number[];
  /** The value that operand `index` is, widening casts left out: equal ones have equal elements. */
  root(index: number): Node;
}

/** The range of a node's result before it is rounded, from the ranges of its operands. */
export type RangeRule = (context: RangeContext) => Range;

/** A rule of one operand. */
export function unary(bound: (x: Range) => Range): RangeRule {
  return ({ operands }) => bound(operands[0]!);
}

/** The first operand, a part of it, or 0, whatever the others. */
export const gate: RangeRule = unary(withZero);

/** Rows of a value whose last axis holds the channels. */
export function rowsOf(shape: readonly number[]): number {
  return elementCount(shape) / Math.max(1, shape.at(-1) ?? 1);
}
