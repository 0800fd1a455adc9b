import type { Span } from '../../diagnostics/diagnostic.js';
import type { ArgValue, LayerDefinition } from '../../ops/layer.js';
import { ConstraintError } from '../../ops/op.js';
import type { CallStage } from '../../parser/ast.js';
import type { Bound } from '../bind.js';
import type { Callee } from '../callee.js';
import { convertLayerArg } from '../convert.js';
import { evaluate } from '../evaluate.js';
import type { Operand } from '../shape-advice.js';
import { reportConstraint } from '../shape-errors.js';
import { describeKind, UNKNOWN, type Value } from '../value.js';
import { type Expansion, locate, operandOf } from './state.js';

/** Applies a layer to the piped value: converts its arguments and emits its ops. */
export function applyLayer(
  state: Expansion,
  input: Value,
  { name, layer }: Extract<Callee, { kind: 'layer' }>,
  bound: Bound,
  stage: CallStage,
  path: string,
): Value {
  const { sink } = state.context;
  let usable = bound.complete && input.kind === 'tensor';
  const args: Record<string, ArgValue> = {};
  for (const param of layer.params) {
    const arg = bound.named.get(param.name);
    const value =
      arg === undefined ? param.default : convertLayerArg(name, param, evaluate(arg.value, state.evaluation), arg.value.span, sink);
    if (value === undefined) usable = false;
    else args[param.name] = value;
  }
  const operands: Operand[] = input.kind === 'tensor' ? [operandOf(state, 'the piped value', input)] : [];
  for (const arg of bound.values) {
    const value = evaluate(arg.value, state.evaluation);
    if (value.kind === 'tensor')
      operands.push(operandOf(state, arg.value.kind === 'name' ? `\`${arg.value.name.text}\`` : 'the argument', value));
    else usable = false;
    if (value.kind !== 'tensor' && value.kind !== 'unknown')
      sink.error(
        'AMP2006',
        arg.value.span,
        `\`${name}\` takes a value of the graph, not ${describeKind(value)}`,
        name === 'mul' && value.kind === 'number' ? { fix: '`scale` multiplies by a number' } : {},
      );
  }
  if (!usable) return UNKNOWN;
  return buildLayer(state, layer, operands, args, { name, span: stage.span, at: stage.callee.span, path });
}

/** How a layer that is applied is written, and where. */
export interface Written {
  readonly name: string;
  readonly span: Span;
  /** What the ops of the layer point at in the text. */
  readonly at: Span;
  readonly path: string;
}

/** Emits the ops of a layer; reports what does not fit. */
export function buildLayer(
  state: Expansion,
  layer: LayerDefinition,
  operands: readonly Operand[],
  args: Readonly<Record<string, ArgValue>>,
  { name, span, at, path }: Written,
): Value {
  try {
    const [piped, ...values] = operands.map((operand) => operand.tensor.id);
    const id = layer.build(state.layers.for({ input: piped, values, args, path, loc: locate(state, at) }));
    return { kind: 'tensor', id, origin: span, source: `\`${name}\`` };
  } catch (error) {
    if (!(error instanceof ConstraintError)) throw error;
    reportConstraint(error, { name, span }, operands, state.calls.at(-1), state.context.sink);
    return UNKNOWN;
  }
}
