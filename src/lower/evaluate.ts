import type { DiagnosticSink } from '../diagnostics/sink.js';
import { listNames, suggestion } from '../diagnostics/suggest.js';
import { INITIALIZERS } from '../ops/initializers.js';
import type { LayerDefinition } from '../ops/layer.js';
import type { BinaryExpr, CallExpr, CollectExpr, Expr, IfExpr, Pipeline, ShareExpr } from '../parser/ast.js';
import { leftSpine } from '../parser/operators.js';
import { evaluateInitializer } from './initializer.js';
import { findLayer } from './layers.js';
import { type Declaration, Names } from './names.js';
import { describeKind, type NumberValue, type Tensor, UNKNOWN, type Value } from './value.js';

interface FunctionDefinition {
  readonly arity: number;
  readonly doc: string;
  readonly apply: (...args: number[]) => number;
  /** What it is for values of the graph; left out: it takes numbers alone. */
  readonly layer?: string;
}

/** Functions that expressions can call. */
export const FUNCTIONS: Readonly<Record<string, FunctionDefinition>> = {
  min: { arity: 2, doc: 'the smaller of two', apply: Math.min, layer: 'minimum' },
  max: { arity: 2, doc: 'the larger of two', apply: Math.max, layer: 'maximum' },
  floor: { arity: 1, doc: 'the next whole number down', apply: Math.floor },
  ceil: { arity: 1, doc: 'the next whole number up', apply: Math.ceil },
  round: { arity: 1, doc: 'the nearest whole number', apply: Math.round },
  sqrt: { arity: 1, doc: 'the square root', apply: Math.sqrt, layer: 'sqrt' },
  exp: { arity: 1, doc: 'e to its power', apply: Math.exp, layer: 'exp' },
  log: { arity: 1, doc: 'the natural logarithm', apply: Math.log, layer: 'log' },
  abs: { arity: 1, doc: 'the magnitude', apply: Math.abs, layer: 'abs' },
  square: { arity: 1, doc: 'it times itself', apply: (a) => a * a, layer: 'square' },
  pow: { arity: 2, doc: 'the first to the power of the second, which is a number', apply: (a, b) => a ** b, layer: 'pow' },
};

/** Makes a learned value, where an expression calls it. */
export const PARAM = 'param';

export const PROPERTIES: Readonly<Record<string, string>> = {
  height: 'rows of an image',
  width: 'columns of an image',
  channels: 'size of the last axis: channels of an image, or features',
};

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
}

/** For an expression that stands in no file, such as that of an override: no name is declared there. */
export function outsideFile(sink: DiagnosticSink): Evaluation {
  return { sink, names: new Names(sink), values: new Map(), graph: undefined };
}

function number(value: number, expr: Expr, { sink }: Evaluation): Value {
  if (Number.isFinite(value)) return { kind: 'number', value };
  sink.error('AMP2011', expr.span, 'this expression has no finite value', {
    why: 'it divides by zero, overflows or takes the root of a negative number',
  });
  return UNKNOWN;
}

/** A number as it is written; one that is too small even for double precision would be 0. */
function literal(expr: Extract<Expr, { kind: 'number' }>, context: Evaluation): Value {
  const isZero = !/[1-9]/.test(expr.text.replace(/[eE].*$/, ''));
  if (expr.value !== 0 || isZero) return number(expr.value, expr, context);
  context.sink.error('AMP2011', expr.span, `\`${expr.text}\` is 0 even in double precision`, { fix: 'write 0, or a larger number' });
  return UNKNOWN;
}

/** Value of an expression; reports what is wrong in it and then results in `unknown`. */
export function evaluate(expr: Expr, context: Evaluation): Value {
  switch (expr.kind) {
    case 'number':
      return literal(expr, context);
    case 'boolean':
      return { kind: 'boolean', value: expr.value };
    case 'string':
      return { kind: 'word', value: expr.value };
    case 'group':
      return evaluate(expr.inner, context);
    case 'list':
      return { kind: 'list', items: expr.items.map((item) => evaluate(item, context)) };
    case 'name':
      return evaluateName(expr, context);
    case 'unary':
      return evaluateUnary(expr, context);
    case 'binary':
      return evaluateBinary(expr, context);
    case 'property':
      return evaluateProperty(expr, context);
    case 'call':
      return evaluateCall(expr, context);
    case 'if':
      return inGraph(expr, context, (graph) => graph.conditional(expr));
    case 'pipeline':
      return inGraph(expr, context, (graph) => graph.pipeline(expr));
    case 'share':
      return inGraph(expr, context, (graph) => graph.share(expr));
    case 'collect':
      return inGraph(expr, context, (graph) => graph.collect(expr));
  }
}

/** What `read` makes of an expression of layers, where there are any. */
function inGraph(expr: Expr, { sink, graph }: Evaluation, read: (graph: GraphExpressions) => Value): Value {
  if (graph !== undefined) return read(graph);
  sink.error('AMP2006', expr.span, 'layers cannot be used here', {
    why: 'only the body of a model or a block has values that flow through layers',
  });
  return UNKNOWN;
}

function evaluateName({ name }: Extract<Expr, { kind: 'name' }>, { names, values }: Evaluation): Value {
  const meaning = names.meaningOf(name);
  switch (meaning.kind) {
    case 'declaration':
      return values.get(meaning) ?? UNKNOWN;
    case 'word':
      return { kind: 'word', value: meaning.text };
    case 'unknown':
      return UNKNOWN;
  }
}

/** `value`, the value of `expr`, if it is of the kind that an operator takes. */
function expectKind(value: Value, expr: Expr, kind: 'number' | 'boolean', operator: string, { sink }: Evaluation): Value {
  if (value.kind === kind || value.kind === 'unknown') return value;
  const numbers = isGraphOperator(operator) ? 'numbers and values of the graph' : 'numbers';
  const taken = kind === 'number' ? numbers : '`true` or `false`';
  sink.error('AMP2006', expr.span, `\`${operator}\` takes ${taken}, not ${describeKind(value)}`);
  return UNKNOWN;
}

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a - b * Math.floor(a / b),
};

function isGraphOperator(operator: string): operator is ArithmeticOperator {
  return (GRAPH_OPERATORS as readonly string[]).includes(operator);
}

function isOperand(value: Value): value is Tensor | NumberValue {
  return value.kind === 'tensor' || value.kind === 'number';
}

const COMPARISON: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function evaluateUnary(expr: Extract<Expr, { kind: 'unary' }>, context: Evaluation): Value {
  const { operator } = expr;
  const operand = evaluate(expr.operand, context);
  if (operand.kind === 'tensor' && operator === '-' && context.graph !== undefined) return context.graph.negate(expr, operand);
  const value = expectKind(operand, expr.operand, operator === '-' ? 'number' : 'boolean', operator, context);
  if (value.kind === 'number') return { kind: 'number', value: -value.value };
  return value.kind === 'boolean' ? { kind: 'boolean', value: !value.value } : UNKNOWN;
}

function evaluateBinary(expr: BinaryExpr, context: Evaluation): Value {
  const { first, rest } = leftSpine(expr);
  let value = evaluate(first, context);
  for (const part of rest) value = combine(part, value, context);
  return value;
}

/** The value of `expr`, whose left side is `left`. */
function combine(expr: BinaryExpr, left: Value, context: Evaluation): Value {
  const { operator } = expr;
  if (operator === 'and' || operator === 'or') {
    const a = expectKind(left, expr.left, 'boolean', operator, context);
    if (a.kind === 'boolean' && a.value === (operator === 'or')) return a;
    const b = expectKind(evaluate(expr.right, context), expr.right, 'boolean', operator, context);
    return a.kind === 'unknown' ? UNKNOWN : b;
  }
  const right = evaluate(expr.right, context);
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
  return number(ARITHMETIC[operator](a.value, b.value), expr, context);
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

function evaluateProperty(expr: Extract<Expr, { kind: 'property' }>, context: Evaluation): Value {
  const { sink, graph } = context;
  const { text, span } = expr.name;
  const names = Object.keys(PROPERTIES);
  if (!names.includes(text)) {
    if (text !== '') sink.error('AMP2013', span, `unknown property \`${text}\``, { fix: suggestion(text, names, 'properties') });
    return UNKNOWN;
  }
  const object = evaluate(expr.object, context);
  if (object.kind === 'unknown') return UNKNOWN;
  if (object.kind !== 'tensor' || graph === undefined) {
    sink.error('AMP2013', span, `${describeKind(object)} has no properties`, {
      why: `values of the graph have ${listNames(names, 'and')}`,
    });
    return UNKNOWN;
  }
  const [, ...shape] = graph.shape(object);
  const axis = text === 'channels' ? shape.length - 1 : text === 'width' ? 1 : 0;
  if (text !== 'channels' && shape.length !== 3) {
    sink.error('AMP2013', span, `a value of shape [${shape.join(', ')}] has no \`${text}\``, {
      why: 'only images [height, width, channels] do',
    });
    return UNKNOWN;
  }
  return { kind: 'number', value: shape[axis] };
}

/**
 * A call of what is no function: `relu(x)` instead of `x |> relu`. `isStage`: whether a layer or block has the name; undefined where that
 * is unknown.
 */
export function reportCall(expr: CallExpr, isStage: boolean | undefined, sink: DiagnosticSink): void {
  const { text } = expr.callee;
  const functions = Object.keys(FUNCTIONS);
  const first = expr.args[0]?.value;
  const head = first?.kind === 'name' ? first.name.text : 'x';
  sink.error('AMP2012', expr.span, `\`${text}\` is called outside a pipeline`, {
    why: `layers and blocks are applied with \`|>\`${isStage === true ? '' : `; expressions can call ${listNames(functions, 'and')}`}`,
    fix: isStage === false ? suggestion(text, functions, 'functions') : `write \`${head} |> ${text}\``,
  });
}

/** The layer of this name, if it joins values: it can be called with a list of them. */
function joiningLayer(name: string): LayerDefinition | undefined {
  const layer = findLayer(name);
  return layer?.values === undefined ? undefined : layer;
}

/** Whether an expression can call this name. */
export function isCallable(name: string): boolean {
  return Object.hasOwn(FUNCTIONS, name) || Object.hasOwn(INITIALIZERS, name) || name === PARAM || joiningLayer(name) !== undefined;
}

function evaluateCall(expr: Extract<Expr, { kind: 'call' }>, context: Evaluation): Value {
  const { sink } = context;
  const name = expr.callee.text;
  const fn = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (fn === undefined) {
    if (name === '') return UNKNOWN;
    if (Object.hasOwn(INITIALIZERS, name)) return evaluateInitializer(expr, (arg) => evaluate(arg, context), context);
    if (name === PARAM) return inGraph(expr, context, (graph) => graph.learned(expr));
    const joining = joiningLayer(name);
    if (joining !== undefined) return inGraph(expr, context, (graph) => graph.join(expr, joining));
    reportCall(expr, undefined, sink);
    return UNKNOWN;
  }
  const { arity, layer } = fn;
  if (expr.args.length !== arity || expr.args.some((arg) => arg.name !== undefined)) {
    const what = layer === undefined ? 'number' : 'number or value of the graph';
    const taken = arity === 1 ? `one ${what}` : `two ${what.replace('number', 'numbers').replace('value', 'values')}`;
    sink.error('AMP2006', expr.span, `\`${name}\` takes ${taken} without names`);
    return UNKNOWN;
  }
  const values = expr.args.map((arg) => evaluate(arg.value, context));
  if (layer !== undefined && context.graph !== undefined && values.some((value) => value.kind === 'tensor')) {
    const operands = values.filter(isOperand);
    return operands.length < arity ? UNKNOWN : context.graph.apply(expr, layer, operands);
  }
  const numbers = values.flatMap((value, i) => {
    const taken = expectKind(value, expr.args[i].value, 'number', name, context);
    return taken.kind === 'number' ? [taken.value] : [];
  });
  return numbers.length < arity ? UNKNOWN : number(fn.apply(...numbers), expr, context);
}
