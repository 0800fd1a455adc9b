import type { BinaryExpr, BinaryOperator, Expr } from './ast.js';

/** Higher binds tighter; all are left-associative. */
const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  '==': 4,
  '!=': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
};

/** `not` takes a whole comparison. */
const NOT_PRECEDENCE = 3;

/** An operand with the `not` before it. */
export interface Operand {
  readonly value: Expr;
  /** Offset of `not`, if it is there. */
  readonly not: number | undefined;
}

/** Deepest tree that `1 == not 1 == not …` may become; whoever walks a tree recurses once a level. */
const MAX_NESTED_NOTS = 100;

/**
 * Builds the tree of `operand op operand op operand`, which the grammar reads flat. Undefined where `not` nests too deeply; any other chain
 * leans to the left, however long.
 */
export function buildBinary(operands: readonly Operand[], operators: readonly BinaryOperator[]): Expr | undefined {
  let next = 0;
  let nots = 0;
  const operandAt = (): Expr => {
    const { value, not } = operands[next++]!;
    if (not === undefined || nots > MAX_NESTED_NOTS) return value;
    nots++;
    const operand = climb(value, NOT_PRECEDENCE);
    if (nots <= MAX_NESTED_NOTS) nots--;
    return { kind: 'unary', operator: 'not', operand, span: { start: not, end: operand.span.end } };
  };
  const climb = (start: Expr, above: number): Expr => {
    let left = start;
    for (;;) {
      const operator = operators[next - 1];
      if (operator === undefined || PRECEDENCE[operator] <= above) return left;
      const right = climb(operandAt(), PRECEDENCE[operator]);
      left = { kind: 'binary', operator, left, right, span: { start: left.span.start, end: right.span.end } };
    }
  };
  const tree = climb(operandAt(), 0);
  return nots > MAX_NESTED_NOTS ? undefined : tree;
}

/** `a + b - c` from left to right: long sums are deep trees, which must not be walked by recursion. */
export function leftSpine(expr: Expr): { readonly first: Expr; readonly rest: readonly BinaryExpr[] } {
  const rest: BinaryExpr[] = [];
  let first = expr;
  for (; first.kind === 'binary'; first = first.left) rest.push(first);
  return { first, rest: rest.reverse() };
}
