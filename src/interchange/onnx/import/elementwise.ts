import { permuted } from '../../permuted.js';
import { type AmpBuilder, numberText } from './builder.js';
import type { NodeView } from './node.js';
import { type Constant, refuse } from './tensors.js';
import { ampcShape, layerAxis, onceForAll, type Pixels, product, rankOf, reorderFeatures, samePlaces, type Value } from './values.js';

type Convert = (builder: AmpBuilder, node: NodeView) => Value;

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b));

export const unary =
  (layer: string): Convert =>
  (builder, node) =>
    builder.same(node.value(), layer);

/** A layer with one number, `otherwise` where the node does not say it; not written where it is the layer's own. */
export const withNumber =
  (layer: string, attribute: string, otherwise: number, own: number): Convert =>
  (builder, node) => {
    const number = node.float(attribute, otherwise);
    return builder.same(node.value(), layer, near(number, own) ? [] : [numberText(number)]);
  };

export const gelu: Convert = (builder, node) =>
  builder.same(node.value(), 'gelu', node.text('approximate', 'none') === 'tanh' ? ['approximate: tanh'] : []);

export const selu: Convert = (builder, node) => {
  const isOwn = near(node.float('alpha', 1.6732632), 1.6732632) && near(node.float('gamma', 1.050701), 1.050701);
  return isOwn ? builder.same(node.value(), 'selu') : refuse('its constants are not those of selu');
};

export const hardSigmoid: Convert = (builder, node) => {
  const [alpha, beta] = [node.float('alpha', 0.2), node.float('beta', 0.5)];
  if (Math.abs(alpha - 1 / 6) < 1e-5 && near(beta, 0.5)) return builder.same(node.value(), 'hardsigmoid');
  const line = builder.same(builder.same(node.value(), 'scale', [numberText(alpha)]), 'shift', [numberText(beta)]);
  return builder.same(builder.same(line, 'maximum', ['0']), 'minimum', ['1']);
};

export const clip: Convert = (builder, node) => {
  const low = node.optional(1)?.data[0] ?? node.attribute('min')?.f;
  const high = node.optional(2)?.data[0] ?? node.attribute('max')?.f;
  if (low === 0 && high === 6) return builder.same(node.value(), 'relu6');
  const above = low === undefined || low < -3e38 ? node.value() : builder.same(node.value(), 'maximum', [numberText(low)]);
  return high === undefined || high > 3e38 ? above : builder.same(above, 'minimum', [numberText(high)]);
};

const softmaxAlong =
  (layer: string): Convert =>
  (builder, node) => {
    const value = node.value().flat === undefined ? node.value() : builder.plain(node.value());
    const along = layerAxis(value, node.int('axis', -1));
    return builder.same(value, layer, along === rankOf(value) - 2 ? [] : [`axis: ${along}`]);
  };
export const softmax = softmaxAlong('softmax');
export const logSoftmax = softmaxAlong('log_softmax');

export const prelu: Convert = (builder, node) => {
  const slope = node.constant(1);
  const value = node.value();
  const isOne = slope.data.length === 1;
  const isByChannel = value.places[1] === rankOf(value) - 1 && slope.data.length === value.shape[1] && value.flat === undefined;
  if (!isOne && !isByChannel) return refuse('it has not one slope, or one for each channel');
  const label = builder.label(slope.name, 'prelu');
  builder.weight(label, 'weight', [slope.data.length], slope.data);
  return builder.stage(value, 'prelu', isOne ? [] : ['per_channel: true'], value, { label });
};

export const pow: Convert = (builder, node) => {
  const exponent = node.constant(1);
  if (exponent.data.length !== 1) return refuse('its exponent is not one number');
  return exponent.data[0] === 2 ? builder.same(node.value(), 'square') : builder.same(node.value(), 'pow', [numberText(exponent.data[0]!)]);
};

export const negative: Convert = (builder, node) => builder.same(node.value(), 'scale', ['-1']);
export const reciprocal: Convert = (builder, node) => builder.same(node.value(), 'pow', ['-1']);

/** What joins two values element by element, by the type of the node. */
const JOINS = { Add: 'add', Sub: 'sub', Mul: 'mul', Div: 'div', Max: 'maximum', Min: 'minimum' } as const;
type Join = keyof typeof JOINS;

const isCommutative = (type: Join): boolean => type !== 'Sub' && type !== 'Div';

/** With one number. `isFirst`: the number is the first operand. */
function withScalar(builder: AmpBuilder, type: Join, value: Value, number: number, isFirst: boolean): Value {
  const scaled = (factor: number, of = value) => (factor === 1 ? of : builder.same(of, 'scale', [numberText(factor)]));
  const shifted = (offset: number, of = value) => (offset === 0 ? of : builder.same(of, 'shift', [numberText(offset)]));
  switch (type) {
    case 'Add':
      return shifted(number);
    case 'Sub':
      return isFirst ? shifted(number, scaled(-1)) : shifted(-number);
    case 'Mul':
      return scaled(number);
    case 'Div':
      return isFirst ? scaled(number, builder.same(value, 'pow', ['-1'])) : scaled(1 / number);
    case 'Max':
      return builder.same(value, 'maximum', [numberText(number)]);
    case 'Min':
      return builder.same(value, 'minimum', [numberText(number)]);
  }
}

/** A constant in ampc's order of the axes of the value that it joins, without the batch, and without axes of size 1 in front. */
function aligned(constant: Constant, value: Value): { readonly shape: readonly number[]; readonly data: Float32Array } {
  const rank = value.shape.length;
  if (constant.shape.length > rank) return refuse('it has more axes than what it joins');
  const shape = [...Array.from({ length: rank - constant.shape.length }, () => 1), ...constant.shape];
  if (shape[0] !== 1) return refuse('it has other numbers for each image');
  if (value.flat !== undefined) return { shape: [constant.data.length], data: reorderFeatures(constant.data, value.flat) };
  const present = value.places.flatMap((place, axis) => (place > 0 ? [{ place, axis }] : [])).sort((a, b) => a.place - b.place);
  const order = present.map(({ axis }) => axis);
  if (shape.some((size, axis) => axis > 0 && size !== 1 && value.places[axis]! < 0)) return refuse('it has axes that the other does not');
  const data = permuted(constant.data, shape, [0, ...value.places.flatMap((place, axis) => (place < 0 ? [axis] : [])), ...order]);
  const sizes = order.map((axis) => shape[axis]!);
  const from = sizes.findIndex((size) => size !== 1);
  return { shape: sizes.slice(Math.max(0, from)), data };
}

/** A bias that a layer without one has behind it. */
function asBias(builder: AmpBuilder, value: Value, constant: Constant): boolean {
  const made = builder.made(value);
  if (made?.label === undefined || !made.args.includes('bias: false') || value.flat !== undefined) return false;
  const { shape } = aligned(constant, value);
  if (shape.length !== 1 || shape[0] !== ampcShape(value).at(-1)) return false;
  builder.weight(made.label, 'bias', shape, constant.data);
  made.args = made.args.filter((arg) => arg !== 'bias: false');
  return true;
}

/** Shifts and scales of pixels, which the data set makes of them. */
function shiftedPixels(type: Join, { scale, shift }: Pixels, constant: Constant, value: Value): Pixels | undefined {
  const channels = value.shape[value.places.indexOf(3)]!;
  const { shape, data } = aligned(constant, value);
  if (data.length !== 1 && !(shape.length === 1 && data.length === channels)) return undefined;
  const at = (list: ArrayLike<number>, i: number) => list[list.length === 1 ? 0 : i]!;
  const each = (compute: (i: number) => number) => Array.from({ length: channels }, (_, i) => compute(i));
  if (type === 'Add' || type === 'Sub') {
    const sign = type === 'Add' ? 1 : -1;
    return { scale: each((i) => at(scale, i)), shift: each((i) => at(shift, i) + sign * at(data, i)) };
  }
  if (type !== 'Mul' && type !== 'Div') return undefined;
  const factor = (i: number) => (type === 'Mul' ? at(data, i) : 1 / at(data, i));
  return { scale: each((i) => at(scale, i) * factor(i)), shift: each((i) => at(shift, i) * factor(i)) };
}

function withConstant(builder: AmpBuilder, type: Join, value: Value, given: Constant, isFirst: boolean, isOnlyUse: boolean): Value {
  const constant = onceForAll(given, value);
  if (value.pixels !== undefined && (!isFirst || isCommutative(type))) {
    const pixels = shiftedPixels(type, value.pixels, constant, value);
    if (pixels !== undefined) return { ...value, pixels };
  }
  if (constant.data.length === 1 && constant.shape.length <= value.shape.length)
    return withScalar(builder, type, value, constant.data[0]!, isFirst);
  if (type === 'Add' && isOnlyUse && asBias(builder, value, constant)) return value;
  const { shape, data } = aligned(constant, value);
  const whole = constant.shape.reduce(
    (all, size, axis) => all && size <= value.shape[axis + value.shape.length - constant.shape.length]!,
    true,
  );
  if (!whole) return refuse('it repeats what is computed');
  const other = builder.learned(constant.name, shape, data, { shape: value.shape, places: value.places });
  if (!isFirst || isCommutative(type)) return builder.stage(value, JOINS[type], ['%'], value, { others: [other] });
  return builder.stage(other, JOINS[type], ['%'], value, { others: [value] });
}

/** Whether ampc's axes of one value are the last ones of the other, as far as they are not of size 1. */
function stretches(small: Value, big: Value): boolean {
  const [a, b] = [ampcShape(small), ampcShape(big)];
  const offset = b.length - a.length;
  return small.places.every((place, axis) => {
    const of = axis - small.shape.length + big.shape.length;
    return place <= 0 || small.shape[axis] === 1 || big.places[of] === place + offset;
  });
}

function joinValues(builder: AmpBuilder, layer: string, left: Value, right: Value): Value {
  const rank = Math.max(left.shape.length, right.shape.length);
  const sizeAt = ({ shape }: Value, axis: number) => shape[axis - rank + shape.length] ?? 1;
  const shape = Array.from({ length: rank }, (_, axis) => Math.max(sizeAt(left, axis), sizeAt(right, axis)));
  const bigger = (a: Value, b: Value) => product(a.shape) >= product(b.shape);
  const big = bigger(left, right) ? left : right;
  const small = big === left ? right : left;
  const isAlike =
    (left.flat === undefined) === (right.flat === undefined) && (samePlaces(left.places, right.places) || stretches(small, big));
  const [a, b] = isAlike ? [left, right] : [builder.plain(left), builder.plain(right)];
  const result = big === left ? a : b;
  if (product(result.shape) !== product(shape)) return refuse('both operands are repeated');
  return builder.stage(a, layer, ['%'], { ...result, shape }, { others: [b] });
}

export const join =
  (type: Join) =>
  (builder: AmpBuilder, node: NodeView, isOnlyUse: (index: number) => boolean): Value => {
    const [a, b] = node.inputs;
    if (node.inputs.length !== 2 || a === undefined || b === undefined) return refuse(`it has ${node.inputs.length} operands, not 2`);
    if (a.kind === 'constant') return withConstant(builder, type, node.value(1), a, true, isOnlyUse(1));
    if (b.kind === 'constant') return withConstant(builder, type, node.value(), b, false, isOnlyUse(0));
    return joinValues(builder, JOINS[type], node.value(), node.value(1));
  };
