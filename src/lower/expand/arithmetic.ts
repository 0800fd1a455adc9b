import type { ArgValue } from '../../ops/layer.js';
import type { BinaryExpr, CallExpr, Expr } from '../../parser/ast.js';
import { convertLayerArg } from '../convert.js';
import type { ArithmeticOperator } from '../evaluation.js';
import { LAYERS } from '../layers.js';
import { type NumberValue, type Tensor, UNKNOWN, type Value } from '../value.js';
import { buildLayer, numberOf } from './apply.js';
import { countStage, type Expansion, nameOf, operandOf } from './state.js';

/** A layer that an operator stands for, with its arguments. */
interface Step {
  readonly layer: string;
  readonly args: Readonly<Record<string, number>>;
}

const scale = (factor: number): Step => ({ layer: 'scale', args: { factor } });
const shift = (offset: number): Step => ({ layer: 'shift', args: { offset } });

/** `x + y` and so on for two values of the graph: the layer that joins them. */
const JOINED: Readonly<Record<ArithmeticOperator, string>> = { '+': 'add', '-': 'sub', '*': 'mul', '/': 'div' };

/** `x + 1` and so on: what is applied to x. A division multiplies by the reciprocal, as PyTorch's on a GPU. */
const WITH_NUMBER: Readonly<Record<ArithmeticOperator, (right: number) => readonly Step[]>> = {
  '+': (right) => [shift(right)],
  '-': (right) => [shift(0 - right)],
  '*': (right) => [scale(right)],
  '/': (right) => [scale(1 / right)],
};

/** `1 + x` and so on. Negation is exact, so `1 - x` is rounded once. */
const FROM_NUMBER: Readonly<Record<ArithmeticOperator, (left: number) => readonly Step[]>> = {
  '+': (left) => [shift(left)],
  '-': (left) => [scale(-1), shift(left)],
  '*': (left) => [scale(left)],
  '/': (left) => [{ layer: 'pow', args: { exponent: -1 } }, scale(left)],
};

/** `left operator right`, at least one of them a value of the graph. */
export function arithmetic(
  state: Expansion,
  expr: BinaryExpr,
  operator: ArithmeticOperator,
  left: Tensor | NumberValue,
  right: Tensor | NumberValue,
): Value {
  if (left.kind === 'tensor' && right.kind === 'tensor') return join(state, expr, operator, left, right);
  if (left.kind === 'tensor' && right.kind === 'number') {
    if (operator !== '/' || right.value !== 0) return apply(state, expr, left, WITH_NUMBER[operator](right.value));
    state.context.sink.error('AMP2011', expr.span, 'this expression has no finite value', { why: 'it divides by zero' });
  }
  if (left.kind === 'number' && right.kind === 'tensor') return apply(state, expr, right, FROM_NUMBER[operator](left.value));
  return UNKNOWN;
}

export function negate(state: Expansion, expr: Expr, operand: Tensor): Value {
  return apply(state, expr, operand, [scale(-1)]);
}

/** A function that is a layer for values of the graph. */
export function applyFunction(state: Expansion, expr: CallExpr, layer: string, operands: readonly (Tensor | NumberValue)[]): Value {
  const [first, second] = operands;
  const { withNumber, params } = LAYERS[layer];
  if (second !== undefined && (withNumber !== undefined || (first.kind === 'tensor' && second.kind === 'tensor' && params.length === 0))) {
    const [left, right] = expr.args.map((arg) => arg.value);
    return joinTwo(state, { expr, shown: expr.callee.text, layer }, [left, first], [right, second]);
  }
  if (first.kind === 'tensor' && second === undefined) return apply(state, expr, first, [{ layer, args: {} }]);
  if (first.kind === 'tensor' && second?.kind === 'number')
    return apply(state, expr, first, [{ layer, args: { [params[0].name]: second.value } }]);
  state.context.sink.error(
    'AMP2006',
    expr.span,
    `the \`${params[0].name}\` of \`${expr.callee.text}\` is a number, not a value of the graph`,
  );
  return UNKNOWN;
}

function join(state: Expansion, expr: BinaryExpr, operator: ArithmeticOperator, left: Tensor, right: Tensor): Value {
  return joinTwo(state, { expr, shown: operator, layer: JOINED[operator] }, [expr.left, left], [expr.right, right]);
}

interface Written {
  readonly expr: Expr;
  /** How the layer is written. */
  readonly shown: string;
  readonly layer: string;
}

function joinTwo(
  state: Expansion,
  { expr, shown, layer: name }: Written,
  left: readonly [Expr, Tensor | NumberValue],
  right: readonly [Expr, Tensor | NumberValue],
): Value {
  countStage(state);
  const operand = ([part, value]: readonly [Expr, Tensor | NumberValue], otherwise: string) =>
    value.kind === 'number' ? numberOf(value, shown, part.span, state) : operandOf(state, nameOf(part, otherwise), value);
  const operands = [operand(left, 'the left side'), operand(right, 'the right side')];
  const path = state.path.child(undefined, name, state.context.sink);
  if (!operands.every((one) => one !== undefined)) return UNKNOWN;
  return buildLayer(state, LAYERS[name], operands, {}, { name: shown, span: expr.span, at: expr.span, path });
}

function apply(state: Expansion, expr: Expr, operand: Tensor, steps: readonly Step[]): Value {
  const { sink } = state.context;
  let value: Value = operand;
  for (const step of steps) {
    countStage(state);
    const layer = LAYERS[step.layer];
    const args: Record<string, ArgValue> = {};
    for (const param of layer.params) {
      const number: Value = { kind: 'number', value: step.args[param.name] };
      const converted = convertLayerArg(step.layer, param, number, expr.span, sink);
      if (converted === undefined) return UNKNOWN;
      args[param.name] = converted;
    }
    const operands = [operandOf(state, 'the operand', value)];
    const path = state.path.child(undefined, step.layer, sink);
    value = buildLayer(state, layer, operands, args, { name: step.layer, span: expr.span, at: expr.span, path });
    if (value.kind !== 'tensor') return value;
  }
  return value;
}
