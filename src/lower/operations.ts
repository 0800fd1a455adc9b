import type { BinaryExpr, Expr } from '../parser/ast.js';
import { leftSpine } from '../parser/operators.js';
import { type Evaluation, expectKind, finiteNumber, isGraphOperator, isOperand } from './evaluation.js';
import { describeKind, UNKNOWN, type Value } from './value.js';

type UnaryExpr = Extract<Expr, { kind: 'unary' }>;
/** Gives the value of an operand. */
type Read = (expr: Expr) => Value;

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a - b * Math.floor(a / b),
};

const COMPARISON: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** The value of an operation with one operand. */
export function evaluateUnary(expr: UnaryExpr, read: Read, context: Evaluation): Value {
  const { operator } = expr;
  const operand = read(expr.operand);
  if (operand.kind === 'tensor' && operator === '-' && context.graph !== undefined) return context.graph.negate(expr, operand);
  const value = expectKind(operand, expr.operand, operator === '-' ? 'number' : 'boolean', operator, context);
  if (value.kind === 'number') return { kind: 'number', value: -value.value };
  return value.kind === 'boolean' ? { kind: 'boolean', value: !value.value } : UNKNOWN;
}

/** The value of an operation with two operands, or of a chain of them, which is walked without recursion. */
export function evaluateBinary(expr: BinaryExpr, read: Read, context: Evaluation): Value {
  const { first, rest } = leftSpine(expr);
  let value = read(first);
  for (const part of rest) value = combine(part, value, read, context);
  return value;
}

/** The value of `expr`, whose left side is `left`. */
function combine(expr: BinaryExpr, left: Value, read: Read, context: Evaluation): Value {
  const { operator } = expr;
  if (operator === 'and' || operator === 'or') {
    const a = expectKind(left, expr.left, 'boolean', operator, context);
    if (a.kind === 'boolean' && a.value === (operator === 'or')) return a;
    const b = expectKind(read(expr.right), expr.right, 'boolean', operator, context);
    return a.kind === 'unknown' ? UNKNOWN : b;
  }
  const right = read(expr.right);
  if (operator === '==' || operator === '!=') return equality(expr, operator, left, right, context);
  if (isGraphOperator(operator) && isOperand(left) && isOperand(right) && context.graph !== undefined)
    if (left.kind === 'tensor' || right.kind === 'tensor') return context.graph.arithmetic(expr, operator, left, right);
  const taken = (value: Value, at: Expr) =>
    isGraphOperator(operator) && value.kind === 'tensor' ? UNKNOWN : expectKind(value, at, 'number', operator, context);
  const a = taken(left, expr.left);
  const b = taken(right, expr.right);
  if (a.kind !== 'number' || b.kind !== 'number') return UNKNOWN;
  const compare = COMPARISON[operator];
  if (compare !== undefined) return { kind: 'boolean', value: compare(a.value, b.value) };
  return finiteNumber(ARITHMETIC[operator](a.value, b.value), expr, context);
}

function equality(expr: Expr, operator: '==' | '!=', left: Value, right: Value, { sink }: Evaluation): Value {
  if (left.kind === 'unknown' || right.kind === 'unknown') return UNKNOWN;
  if (left.kind === right.kind && 'value' in left && 'value' in right) {
    return { kind: 'boolean', value: (left.value === right.value) === (operator === '==') };
  }
  sink.error('AMP2006', expr.span, `${describeKind(left)} cannot be compared with ${describeKind(right)}`, {
    why: '`==` and `!=` compare two numbers, two words or two truth values',
  });
  return UNKNOWN;
}
