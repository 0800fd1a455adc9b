import { INITIALIZERS } from '../ops/initializers.js';
import type { Expr } from '../parser/ast.js';
import { type Evaluation, expectKind, finiteNumber, inGraph, isOperand } from './evaluation.js';
import { FUNCTIONS, joiningLayer, PARAM, reportCall } from './functions.js';
import { evaluateInitializer } from './initializer.js';
import { evaluateBinary, evaluateUnary } from './operations.js';
import { evaluateIndex, evaluateProperty } from './properties.js';
import { UNKNOWN, type Value } from './value.js';

/** A number as it is written; one that is too small even for double precision would be 0. */
function literal(expr: Extract<Expr, { kind: 'number' }>, context: Evaluation): Value {
  const isZero = !/[1-9]/.test(expr.text.replace(/[eE].*$/, ''));
  if (expr.value !== 0 || isZero) return finiteNumber(expr.value, expr, context);
  context.sink.error('AMP2011', expr.span, `\`${expr.text}\` is 0 even in double precision`, { fix: 'write 0, or a larger number' });
  return UNKNOWN;
}

/** Value of an expression; reports what is wrong in it and then results in `unknown`. */
export function evaluate(expr: Expr, context: Evaluation): Value {
  const read = (part: Expr): Value => evaluate(part, context);
  switch (expr.kind) {
    case 'number':
      return literal(expr, context);
    case 'boolean':
      return { kind: 'boolean', value: expr.value };
    case 'string':
      return { kind: 'word', value: expr.value };
    case 'group':
      return read(expr.inner);
    case 'list':
      return { kind: 'list', items: expr.items.map(read) };
    case 'dataset':
      throw new Error('the grammar has `dataset` before a property alone');
    case 'name':
      return evaluateName(expr, context);
    case 'unary':
      return evaluateUnary(expr, read, context);
    case 'binary':
      return evaluateBinary(expr, read, context);
    case 'property':
      return evaluateProperty(expr, read, context);
    case 'index':
      return evaluateIndex(expr, read, context);
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
  return numbers.length < arity ? UNKNOWN : finiteNumber(fn.apply(...numbers), expr, context);
}
