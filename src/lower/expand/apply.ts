import type { Span } from '../../diagnostics/diagnostic.js';
import type { ValueId } from '../../ir/types.js';
import type { ArgValue, LayerDefinition, LayerParam } from '../../ops/layer.js';
import { ConstraintError } from '../../ops/op.js';
import type { CallExpr, CallStage } from '../../parser/ast.js';
import type { Bound } from '../bind.js';
import type { Callee } from '../callee.js';
import { convertLayerArg, convertLayerArgs } from '../convert.js';
import { evaluate } from '../evaluate.js';
import type { Operand } from '../shape-advice.js';
import { reportConstraint } from '../shape-errors.js';
import { describeKind, type NumberValue, type Tensor, UNKNOWN, type Value } from '../value.js';
import { countStage, type Expansion, locate, nameOf, operandOf } from './state.js';

/** Applies a layer to the piped value: converts its arguments and emits its ops. */
export function applyLayer(
  state: Expansion,
  input: Value,
  { name, layer }: Extract<Callee, { kind: 'layer' }>,
  bound: Bound,
  stage: CallStage,
  path: string,
): Value {
  const args = argumentsOf(state, name, layer, bound);
  const piped = operandsOf(state, name, layer, { value: input, span: stage.callee.span, shown: 'the piped value' });
  const others = valuesOf(state, name, layer, bound);
  if (!bound.complete || args === undefined || piped === undefined || others === undefined) return UNKNOWN;
  const operands = [...piped, ...others.operands];
  const only = input.kind === 'list' ? onlyOf(operands) : undefined;
  if (only !== undefined) return only;
  return buildLayer(state, layer, operands, args, { name, span: stage.span, at: stage.callee.span, path });
}

/** `concat(paths)`: a layer that joins values, called with all of them. */
export function joinValues(state: Expansion, expr: CallExpr, layer: LayerDefinition): Value {
  const name = expr.callee.text;
  const { sink, names } = state.context;
  countStage(state);
  const { min, max } = layer.values ?? { min: 0, max: 0 };
  // All of its values stand in the parentheses.
  const callee: Callee = { kind: 'layer', name, layer: { ...layer, values: { min, max: max + 1 } } };
  const bound = names.bound(callee, expr.args, expr.span);
  const args = argumentsOf(state, name, layer, bound);
  const given = valuesOf(state, name, layer, bound);
  const path = state.path.child(undefined, name, sink);
  if (!bound.complete || args === undefined || given === undefined) return UNKNOWN;
  const { operands, hasList } = given;
  const only = hasList ? onlyOf(operands) : undefined;
  if (only !== undefined) return only;
  return buildLayer(state, layer, operands, args, { name, span: expr.span, at: expr.callee.span, path });
}

function argumentsOf({ evaluation, context }: Expansion, name: string, { params }: LayerDefinition, bound: Bound) {
  return convertLayerArgs(name, params, bound, (expr) => evaluate(expr, evaluation), context.sink);
}

/** What a layer joins: a value of the graph, or a number in place of one. */
export type Joined = Operand | { readonly number: number };

interface GivenValues {
  readonly operands: readonly Joined[];
  /** One value of a list is joined with nothing: it is the result. */
  readonly hasList: boolean;
}

/** The values of the graph, and numbers, that a layer was given in its parentheses. */
function valuesOf(state: Expansion, name: string, layer: LayerDefinition, bound: Bound): GivenValues | undefined {
  let hasList = false;
  const found = bound.values.map(({ value: expr }) => {
    const value = evaluate(expr, state.evaluation);
    if (value.kind === 'list') hasList = true;
    return operandsOf(state, name, layer, { value, span: expr.span, shown: nameOf(expr, 'the argument') });
  });
  return found.every((operands) => operands !== undefined) ? { operands: found.flat(), hasList } : undefined;
}

interface Given {
  readonly value: Value;
  readonly span: Span;
  readonly shown: string;
}

/** The one value of a list of one. */
function onlyOf(operands: readonly Joined[]): Tensor | undefined {
  const [only] = operands;
  return operands.length === 1 && only !== undefined && !('number' in only) ? only.tensor : undefined;
}

function takenBy({ withNumber }: LayerDefinition): string {
  return withNumber === undefined ? 'a value of the graph' : 'a value of the graph or a number';
}

/** A number as a layer joins it; undefined after reporting that f32 cannot hold it. */
export function numberOf(value: NumberValue, name: string, span: Span, { context }: Expansion): Joined | undefined {
  const param: LayerParam = { name: 'number', kind: 'number', doc: 'what each element is joined with' };
  const converted = convertLayerArg(name, param, value, span, context.sink);
  return typeof converted === 'number' ? { number: converted } : undefined;
}

/** A value of the graph, or the items of a list for a layer that joins values. Undefined after reporting that it is neither. */
function operandsOf(state: Expansion, name: string, layer: LayerDefinition, { value, span, shown }: Given): readonly Joined[] | undefined {
  if (value.kind === 'tensor') return [operandOf(state, shown, value)];
  if (value.kind === 'number' && layer.withNumber !== undefined) {
    const joined = numberOf(value, name, span, state);
    return joined && [joined];
  }
  if (value.kind === 'list' && layer.values !== undefined) {
    const items = value.items.map((item, i) => operandsOf(state, name, layer, { value: item, span, shown: `item ${i + 1} of ${shown}` }));
    return items.every((operands) => operands !== undefined) ? items.flat() : undefined;
  }
  if (value.kind !== 'unknown')
    state.context.sink.error('AMP2006', span, `\`${name}\` takes ${takenBy(layer)}, not ${describeKind(value)}`, {
      ...(value.kind === 'list' && { fix: 'take its items apart with `let [a, b] = …`, or join them with `concat` or `add`' }),
    });
  return undefined;
}

/** How a layer that is applied is written, and where. */
export interface Written {
  readonly name: string;
  readonly span: Span;
  /** What the ops of the layer point at in the text. */
  readonly at: Span;
  readonly path: string;
}

/** Emits the ops of a layer; reports what does not fit. Numbers stand behind a value that they are joined with. */
export function buildLayer(
  state: Expansion,
  layer: LayerDefinition,
  given: readonly Joined[],
  args: Readonly<Record<string, ArgValue>>,
  { name, span, at, path }: Written,
): Value {
  const operands = given.filter((joined): joined is Operand => !('number' in joined));
  const groups = operands.length === 0 ? 'needs a value of the graph' : groupOperands(layer, [operands[0], ...without(given, operands[0])]);
  if (typeof groups === 'string') {
    const why = 'it joins the piped value, or the items of a list, with the values in its parentheses';
    state.context.sink.error('AMP2003', span, `\`${name}\` ${groups}`, { why, fix: `such as \`${layer.example}\`` });
    return UNKNOWN;
  }
  const source = `\`${name}\``;
  const context = (input: ValueId, values: readonly ValueId[]) => state.layers.for({ input, values, args, path, loc: locate(state, at) });
  try {
    let result: ValueId | readonly ValueId[] = operands[0].tensor.id;
    for (const group of groups) {
      if (typeof result !== 'number') break;
      const [first] = group;
      if (first !== undefined && 'number' in first) result = layer.withNumber!(context(result, []), first.number);
      else
        result = layer.build(
          context(
            result,
            (group as readonly Operand[]).map((operand) => operand.tensor.id),
          ),
        );
    }
    const doubt = layer.doubt?.(state.builder.type(operands[0].tensor.id).shape, args);
    if (doubt !== undefined) state.context.sink.warning('AMP3006', span, doubt.message, { why: doubt.why, fix: doubt.fix });
    const tensor = (id: ValueId): Tensor => ({ kind: 'tensor', id, origin: span, source });
    return typeof result === 'number' ? tensor(result) : { kind: 'list', items: result.map(tensor) };
  } catch (error) {
    if (!(error instanceof ConstraintError)) throw error;
    reportConstraint(error, { name, span }, operands, state.calls.at(-1), state.context.sink);
    return UNKNOWN;
  }
}

/** All but the first operand, which is elsewhere. */
function without(given: readonly Joined[], operand: Operand): readonly Joined[] {
  const at = given.indexOf(operand);
  return [...given.slice(0, at), ...given.slice(at + 1)];
}

/**
 * What a layer is applied to besides its first operand, once or, for a layer of two values that were given more, several times. Otherwise
 * what is wrong with their number.
 */
function groupOperands(layer: LayerDefinition, [, ...others]: readonly Joined[]): readonly (readonly Joined[])[] | string {
  const { min, max } = layer.values ?? { min: 0, max: 0 };
  if (others.length >= min && others.length <= max) return [others];
  if (layer.folds === true && others.length > 0) return others.map((operand) => [operand]);
  if (others.length < min) return `needs ${min === 1 ? 'another value' : `${min} more values`}`;
  return `takes ${max === 1 ? 'two values' : `at most ${max + 1} values`}, not ${others.length + 1}`;
}
