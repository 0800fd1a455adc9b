import { permuted } from '../../permuted.js';
import type { OnnxAttribute } from '../schema.js';
import { compact, exchanged, grouped, regrouped, simplified } from './batch.js';
import type { AmpBuilder } from './builder.js';
import { squeezed, unsqueezed } from './fold.js';
import type { NodeView } from './node.js';
import { flattenedShape, reshapeTo, targetOf, transposed } from './shapes.js';
import { type Constant, refuse } from './tensors.js';
import { type Grouped, type Operand, product, samePlaces, type Value } from './values.js';

type Computed = Value | Grouped;
type Convert = (builder: AmpBuilder, node: NodeView, isOnlyUse: (index: number) => boolean) => Operand | readonly Operand[];

const computed = (node: NodeView): Computed => {
  const operand = node.inputs[0];
  return operand !== undefined && operand.kind !== 'constant' ? operand : refuse('its operand 1 is a constant');
};

const shaped = (builder: AmpBuilder, given: Computed, shape: readonly number[]): Computed =>
  given.kind === 'value' && shape[0] === given.shape[0] ? reshapeTo(builder, given, shape) : regrouped(builder, given, shape);

/** Nodes that keep all elements in their order, or exchange axes: no more than where the axes of ONNX are among ampc's changes. */
const MOVES: Readonly<Record<string, Convert>> = {
  Reshape: (builder, node) => shaped(builder, computed(node), targetOf(node)),
  Flatten: (builder, node) => shaped(builder, computed(node), flattenedShape(node)),
  Unsqueeze: (builder, node) => shaped(builder, computed(node), unsqueezed(computed(node).shape, node.numbers(1, 'axes') ?? [])),
  Squeeze: (builder, node) => shaped(builder, computed(node), squeezed(computed(node).shape, node.numbers(1, 'axes'))),
  Transpose: (builder, node) => {
    const value = computed(node);
    const axes = node.ints('perm') ?? value.shape.map((_, axis) => value.shape.length - 1 - axis);
    return value.kind === 'value' && axes[0] === 0 ? transposed(builder, value, axes) : exchanged(builder, value, axes);
  },
};

/** What a node needs of its axes: nothing, that its last one or two are axes of ampc each, or those that it names. */
type Needs = 'nothing' | 'last' | 'last two' | { readonly input?: number };

const ELEMENTWISE =
  'Identity Cast CastLike Dropout Relu Gelu ampc.Silu Swish Sigmoid Tanh HardSwish HardSigmoid Mish Softplus Softsign LeakyRelu ' +
  'Elu Celu Selu Clip Exp Log Sqrt Abs Neg Reciprocal Pow Add Sub Mul Div Max Min';

const NEEDS: Readonly<Record<string, Needs>> = {
  ...Object.fromEntries(ELEMENTWISE.split(' ').map((type) => [type, 'nothing' as const])),
  Gemm: 'last',
  LayerNormalization: 'last',
  MatMul: 'last two',
  Softmax: {},
  LogSoftmax: {},
  Concat: {},
  Split: {},
  Gather: {},
  Slice: { input: 3 },
  ReduceMean: { input: 1 },
  ReduceSum: { input: 1 },
  ReduceMax: { input: 1 },
};

/** How the axes of a node's operands are those that its layer sees: the batch first, then all others as they come. */
interface Layout {
  readonly groups: Grouped['groups'];
  /** The axis of ONNX of each axis that the layer sees. */
  readonly outer: readonly number[];
  /** Where each stands among all of ONNX's as ampc has them. */
  readonly at: readonly number[];
  readonly order: readonly number[];
}

function layoutOf({ groups }: Grouped): Layout {
  const all = groups
    .flatMap((group, axis) => (group.length === 0 ? [{ place: -1, axis }] : group.map((place) => ({ place, axis }))))
    .map((one, at) => ({ ...one, at }));
  const inner = [...all.filter(({ place }) => place === 0), ...all.filter(({ place }) => place !== 0)];
  return {
    groups,
    outer: inner.map(({ axis }) => axis),
    at: inner.map(({ at }) => at),
    order: inner.map(({ place }) => place),
  };
}

const seen = ({ id, sizes }: Grouped, { order }: Layout): Value => ({
  kind: 'value',
  id,
  shape: order.map((place) => (place < 0 ? 1 : sizes[place]!)),
  places: order,
});

/** A constant as it stands beside such a value: its axes taken apart and exchanged in the same way. */
function beside(constant: Constant, { groups, outer }: Layout, { sizes }: Grouped): Constant {
  if (constant.data.length === 1) return constant;
  const shape = [...new Array<number>(Math.max(0, groups.length - constant.shape.length)).fill(1), ...constant.shape];
  const apart = groups.flatMap((group, axis) => {
    const size = shape[axis]!;
    if (group.length < 2) return [{ axis, size, isBatch: group[0] === 0 }];
    if (size !== 1 && group.includes(0)) return refuse('it has other numbers for each image');
    return group.map((place) => ({ axis, size: size === 1 ? 1 : sizes[place]!, isBatch: place === 0 }));
  });
  const batch = apart.findIndex(({ isBatch }) => isBatch);
  const order = [batch, ...apart.map((_, i) => i).filter((i) => i !== batch)];
  const parts = apart.map(({ size }) => size);
  const inner = order.map((i) => parts[i]!);
  if (product(inner) !== constant.data.length || inner.length !== outer.length) return refuse('its numbers are not along its axes');
  return { ...constant, shape: inner, data: permuted(constant.data, parts, order) };
}

/** The result with the axes of ONNX as the operands have them, but for those of `gone`. */
function whole(builder: AmpBuilder, result: Value, { outer, at }: Layout, gone: readonly number[]): Computed {
  const value = grouped(builder, result);
  const inner = outer.map((axis, i) => ({ axis, at: at[i]! })).filter(({ axis }) => !gone.includes(axis));
  const placed = inner.map((one, i) => ({ ...one, group: value.groups[i] ?? [] })).sort((a, b) => a.at - b.at);
  const axes = [...new Set(placed.map(({ axis }) => axis))];
  const groups = axes.map((axis) => placed.flatMap((one) => (one.axis === axis ? one.group : [])));
  const shape = groups.map((group) => product(group.map((place) => value.sizes[place]!)));
  return simplified(builder, { ...value, groups, shape });
}

function axesOf(node: NodeView, needs: Needs, rank: number): readonly number[] {
  if (needs === 'nothing') return [];
  if (needs === 'last') return [rank - 1];
  if (needs === 'last two') return node.inputs[1]?.kind === 'constant' ? [rank - 1] : [rank - 2, rank - 1];
  const given =
    needs.input === undefined ? [node.int('axis', 'SoftmaxLogSoftmax'.includes(node.type) ? -1 : 0)] : node.numbers(needs.input, 'axes');
  return (given ?? []).map((axis) => (axis < 0 ? axis + rank : axis));
}

const ints = (name: string, values: readonly number[]): OnnxAttribute =>
  name === 'axis' ? { name, type: 2, i: values[0]! } : { name, type: 7, ints: [...values] };

/** The node as its layer sees it: the axes that it names are others there. */
function turned(node: NodeView, needs: Needs, inputs: readonly (Operand | undefined)[], axes: readonly number[]): NodeView {
  if (typeof needs === 'string') return node.type === 'LayerNormalization' ? node.with(inputs, [ints('axis', [-1])]) : node.with(inputs);
  if (needs.input === undefined) return node.with(inputs, [ints('axis', axes)]);
  const constant: Constant = { kind: 'constant', name: '', shape: [axes.length], isFloat: false, data: [...axes] };
  const given = Object.assign([...inputs], { [needs.input]: constant });
  return node.type === 'Slice' && node.inputs[1] === undefined ? node.with(inputs, [ints('axes', axes)]) : node.with(given);
}

const hasAlone = ({ groups }: Grouped, axes: readonly number[]): boolean => axes.every((axis) => (groups[axis]?.length ?? 0) === 1);

/** The values that a node joins, in one order of axes. */
function alike(builder: AmpBuilder, values: readonly Computed[], axes: readonly number[]): readonly Grouped[] {
  const [head] = values as [Computed, ...Computed[]];
  // A batch of one image may be any axis of size 1: the same one for all.
  const same = head.shape[0] !== undefined && values.some((value) => grouped(builder, value).sizes[0] === 1) && values.length > 1;
  const all = values.map((value) => grouped(builder, same ? regrouped(builder, grouped(builder, value), value.shape) : value));
  const compacted = all.every((value) => hasAlone(value, axes)) ? all : all.map((value) => compact(builder, value));
  const form = ({ groups }: Grouped) => JSON.stringify(groups.map((group) => group.map((place) => place === 0)));
  const isAlike = compacted.every((value) => value.groups.length === head.shape.length && form(value) === form(compacted[0]!));
  return isAlike ? compacted : compacted.map((value) => compact(builder, value));
}

function throughLayers(builder: AmpBuilder, node: NodeView, isOnlyUse: (index: number) => boolean, convert: Convert): readonly Operand[] {
  const needs = NEEDS[node.type] ?? refuse('its operand does not begin with the batch');
  const isComputed = (operand: Operand | undefined): operand is Computed => operand !== undefined && operand.kind !== 'constant';
  const rank = Math.max(...node.inputs.filter(isComputed).map(({ shape }) => shape.length));
  const axes = axesOf(node, needs, rank);
  if (node.type === 'LayerNormalization' && ![-1, rank - 1].includes(node.int('axis', -1)))
    return refuse('its operand does not begin with the batch, and it works along more than the last axis');
  const values = alike(builder, node.inputs.filter(isComputed), axes);
  const [head] = values as [Grouped, ...Grouped[]];
  if (values.some(({ groups }) => groups.length !== rank)) return refuse('one of its operands has fewer axes, and the batch elsewhere');
  const layouts = values.map(layoutOf);
  if (layouts.some(({ outer }) => !samePlaces(outer, layouts[0]!.outer))) return refuse('its operands have the batch in different places');
  if (axes.some((axis) => head.groups[axis]?.includes(0) !== false)) return refuse('it works along the batch');
  let next = 0;
  const inputs = node.inputs.map((operand, i) => {
    if (isComputed(operand)) return seen(values[next]!, layouts[next++]!);
    const isAlong = operand !== undefined && (needs === 'nothing' || (node.type === 'Concat' && operand.isFloat));
    return isAlong && !(i > 0 && node.type === 'Clip') ? beside(operand, layouts[0]!, head) : operand;
  });
  const { outer } = layouts[0]!;
  const inner = axes.map((axis) => outer.indexOf(axis));
  const made = convert(builder, turned(node, needs, inputs, inner), isOnlyUse);
  const results = (Array.isArray(made) ? made : [made]) as readonly Operand[];
  return results.map((result) => {
    if (result.kind !== 'value') return refuse('its operand does not begin with the batch');
    // Only axes that the node names are gone.
    return whole(builder, result, layouts[0]!, result.shape.length === outer.length ? [] : axes);
  });
}

/** What a node makes of values that do not all begin with the batch, and what makes such values; undefined where it is neither. */
export function withBatchElsewhere(
  builder: AmpBuilder,
  node: NodeView,
  isOnlyUse: (index: number) => boolean,
  convert: Convert | undefined,
): readonly Operand[] | undefined {
  const move = MOVES[node.type];
  if (move !== undefined && node.inputs[0]?.kind !== 'constant') {
    const made = move(builder, node, isOnlyUse);
    return (Array.isArray(made) ? made : [made]) as readonly Operand[];
  }
  if (convert === undefined || !node.inputs.some((operand) => operand?.kind === 'grouped')) return undefined;
  return throughLayers(builder, node, isOnlyUse, convert);
}
