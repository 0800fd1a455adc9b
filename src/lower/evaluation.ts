import type { DiagnosticSink } from '../diagnostics/sink.js';
import type { LayerDefinition } from '../ops/layer.js';
import type { BinaryExpr, CallExpr, CollectExpr, Expr, IfExpr, Pipeline, ShareExpr } from '../parser/ast.js';
import type { DatasetValues } from './dataset-properties.js';
import { type Declaration, Names } from './names.js';
import { describeKind, type NumberValue, type Tensor, UNKNOWN, type Value } from './value.js';

/** What only the lowering of a model can evaluate. Outside a model these report that there is no graph. */
export interface GraphExpressions {
  pipeline(expr: Pipeline): Value;
  conditional(expr: IfExpr): Value;
  shape(tensor: Tensor): readonly number[];
  /** `left operator right` where one of the two is a value of the graph and the other a number or a value too. */
  arithmetic(expr: BinaryExpr, operator: ArithmeticOperator, left: Tensor | NumberValue, right: Tensor | NumberValue): Value;
  negate(expr: Expr, operand: Tensor): Value;
  /** A function of the language that is a layer for values of the graph, such as `sqrt(x)`. */
  apply(expr: CallExpr, layer: string, operands: readonly (Tensor | NumberValue)[]): Value;
  /** `param([64], init: zeros) as gamma`: a learned value. */
  learned(expr: CallExpr): Value;
  /** `concat(paths)`: a layer that joins values, called with lists and values. */
  join(expr: CallExpr, layer: LayerDefinition): Value;
  share(expr: ShareExpr): Value;
  collect(expr: CollectExpr): Value;
}

/** Operators that also join values of the graph. */
const GRAPH_OPERATORS = ['+', '-', '*', '/'] as const;
export type ArithmeticOperator = (typeof GRAPH_OPERATORS)[number];

/** Of the file's constants and of the body that is being expanded: what has a value so far. */
export type Values = Map<Declaration, Value>;

export interface Evaluation {
  readonly sink: DiagnosticSink;
  readonly names: Names;
  readonly values: Values;
  readonly graph: GraphExpressions | undefined;
  /** `reported`: what is wrong with it is said already. Undefined: it is not known here, in a `let` of the file or a setting. */
  readonly dataset?: DatasetValues | 'reported' | undefined;
}

/** For an expression that stands in no file, such as that of an override: no name is declared there. */
export function outsideFile(sink: DiagnosticSink): Evaluation {
  return { sink, names: new Names(sink), values: new Map(), graph: undefined };
}

/** What `read` makes of an expression of layers, where there are any. */
export function inGraph(expr: Expr, { sink, graph }: Evaluation, read: (graph: GraphExpressions) => Value): Value {
  if (graph !== undefined) return read(graph);
  sink.error('AMP2006', expr.span, 'layers cannot be used here', {
    why: 'only the body of a model or a block has values that flow through layers',
  });
  return UNKNOWN;
}

/** A number that an expression gives; reports one that is not finite. */
export function finiteNumber(value: number, expr: Expr, { sink }: Evaluation): Value {
  if (Number.isFinite(value)) return { kind: 'number', value };
  sink.error('AMP2011', expr.span, 'this expression has no finite value', {
    why: 'it divides by zero, overflows or takes the root of a negative number',
  });
  return UNKNOWN;
}

export function isGraphOperator(operator: string): operator is ArithmeticOperator {
  return (GRAPH_OPERATORS as readonly string[]).includes(operator);
}

export function isOperand(value: Value): value is Tensor | NumberValue {
  return value.kind === 'tensor' || value.kind === 'number';
}

/** `value`, the value of `expr`, if it is of the kind that an operator takes. */
export function expectKind(value: Value, expr: Expr, kind: 'number' | 'boolean', operator: string, { sink }: Evaluation): Value {
  if (value.kind === kind || value.kind === 'unknown') return value;
  const numbers = isGraphOperator(operator) ? 'numbers and values of the graph' : 'numbers';
  const taken = kind === 'number' ? numbers : '`true` or `false`';
  sink.error('AMP2006', expr.span, `\`${operator}\` takes ${taken}, not ${describeKind(value)}`);
  return UNKNOWN;
}
