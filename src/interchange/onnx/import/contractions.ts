import { permuted } from '../../permuted.js';
import { type AmpBuilder, pairText } from './builder.js';
import type { NodeView } from './node.js';
import { type Constant, refuse } from './tensors.js';
import { IMAGE_PLACES, identity, product, reorderFeatures, type Value } from './values.js';

export interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Top, left, bottom, right, as ONNX has them. */
  readonly pads: readonly number[];
}

export function windowOf(node: NodeView, kernel: readonly number[], image: Value): Window {
  if (kernel.length !== 2) return refuse(`its window has ${kernel.length} axes, not rows and columns`);
  const stride = node.ints('strides') ?? [1, 1];
  const dilation = node.ints('dilations') ?? [1, 1];
  const auto = node.text('auto_pad', 'NOTSET');
  if (auto === 'NOTSET' || auto === 'VALID')
    return { kernel, stride, dilation, pads: auto === 'VALID' ? [0, 0, 0, 0] : (node.ints('pads') ?? [0, 0, 0, 0]) };
  const totals = [0, 1].map((axis) => {
    const size = image.shape[axis + 2]!;
    const reach = (kernel[axis]! - 1) * dilation[axis]! + 1;
    return Math.max(0, (Math.ceil(size / stride[axis]!) - 1) * stride[axis]! + reach - size);
  });
  const less = totals.map((total) => Math.floor(total / 2));
  const more = totals.map((total, axis) => total - less[axis]!);
  return { kernel, stride, dilation, pads: auto === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less] };
}

/** The image with what a layer cannot have around it: other numbers of zeros on opposite sides. */
export function padded(
  builder: AmpBuilder,
  image: Value,
  { pads }: Window,
): { readonly image: Value; readonly padding: readonly number[] } {
  const [top, left, bottom, right] = pads as [number, number, number, number];
  if (top === bottom && left === right) return { image, padding: [top, left] };
  const [batch, channels, height, width] = image.shape as [number, number, number, number];
  const shape = [batch, channels, height + top + bottom, width + left + right];
  return {
    image: builder.stage(image, 'pad', [`[${[top, bottom, left, right].join(', ')}]`], { shape, places: IMAGE_PLACES }),
    padding: [0, 0],
  };
}

const spatial = (size: number, kernel: number, stride: number, dilation: number, padding: number): number =>
  Math.floor((size + 2 * padding - (kernel - 1) * dilation - 1) / stride) + 1;

function optionsOf({ stride, dilation }: Window, padding: readonly number[], groups: number): string[] {
  return [
    ...(stride.every((step) => step === 1) ? [] : [`stride: ${pairText(stride)}`]),
    ...(padding.every((size) => size === 0) ? [] : [`padding: ${pairText(padding)}`]),
    ...(dilation.every((step) => step === 1) ? [] : [`dilation: ${pairText(dilation)}`]),
    ...(groups === 1 ? [] : [`groups: ${groups}`]),
  ];
}

function bias(builder: AmpBuilder, label: string, constant: Constant | undefined): readonly string[] {
  if (constant === undefined) return ['bias: false'];
  builder.weight(label, 'bias', [constant.data.length], constant.data);
  return [];
}

export function conv(builder: AmpBuilder, node: NodeView): Value {
  const weight = node.constant(1);
  const [outputs, , rows, columns] = weight.shape as [number, number, number, number];
  if (weight.shape.length !== 4) return refuse(`its window has ${weight.shape.length - 2} axes, not rows and columns`);
  const given = builder.image(node.value());
  const window = windowOf(node, [rows, columns], given);
  const { image, padding } = padded(builder, given, window);
  const { stride, dilation } = window;
  const label = builder.label(weight.name, 'conv');
  builder.weight(label, 'weight', [rows, columns, weight.shape[1]!, outputs], permuted(weight.data, weight.shape, [2, 3, 1, 0]));
  const options = optionsOf(window, padding, node.int('group', 1));
  const args = [String(outputs), `kernel: ${pairText([rows, columns])}`, ...options, ...bias(builder, label, node.optional(2))];
  const [height, width] = [0, 1].map((axis) =>
    spatial(image.shape[axis + 2]!, window.kernel[axis]!, stride[axis]!, dilation[axis]!, padding[axis]!),
  );
  return builder.stage(image, 'conv2d', args, { shape: [image.shape[0]!, outputs, height!, width!], places: IMAGE_PLACES }, { label });
}

export function convTranspose(builder: AmpBuilder, node: NodeView): Value {
  const weight = node.constant(1);
  if (weight.shape.length !== 4) return refuse(`its window has ${weight.shape.length - 2} axes, not rows and columns`);
  const groups = node.int('group', 1);
  const [inputs, part, rows, columns] = weight.shape as [number, number, number, number];
  const image = builder.image(node.value());
  if (node.text('auto_pad', 'NOTSET') !== 'NOTSET' || node.ints('output_shape') !== undefined)
    return refuse('its padding follows from the size of its result');
  const window = windowOf(node, [rows, columns], image);
  const [top, left, bottom, right] = window.pads as [number, number, number, number];
  if (top !== bottom || left !== right) return refuse('opposite sides have other padding');
  const extra = node.ints('output_padding') ?? [0, 0];
  const label = builder.label(weight.name, 'conv_transpose');
  builder.weight(label, 'weight', [rows, columns, part, inputs], permuted(weight.data, weight.shape, [2, 3, 1, 0]));
  const args = [
    String(part * groups),
    `kernel: ${pairText([rows, columns])}`,
    ...optionsOf(window, [top, left], groups),
    ...(extra.every((size) => size === 0) ? [] : [`output_padding: ${pairText(extra)}`]),
    ...bias(builder, label, node.optional(2)),
  ];
  const [height, width] = [0, 1].map(
    (axis) =>
      (image.shape[axis + 2]! - 1) * window.stride[axis]! -
      2 * window.pads[axis]! +
      window.dilation[axis]! * (window.kernel[axis]! - 1) +
      extra[axis]! +
      1,
  );
  const shape = [image.shape[0]!, part * groups, height!, width!];
  return builder.stage(image, 'conv_transpose2d', args, { shape, places: IMAGE_PLACES }, { label });
}

/** Along the last axis; `weight` is [in, out]. */
function linear(builder: AmpBuilder, given: Value, weight: Constant, isTransposed: boolean, biases: Constant | undefined): Value {
  const last = given.shape.length - 1;
  const isLast = given.places[last] === given.places.filter((place) => place >= 0).length - 1;
  const x = isLast ? given : builder.plain(given);
  const matrix = isTransposed ? permuted(weight.data, weight.shape, [1, 0]) : Float32Array.from(weight.data);
  const [inputs, outputs] = isTransposed ? [weight.shape[1]!, weight.shape[0]!] : [weight.shape[0]!, weight.shape[1]!];
  if (inputs !== x.shape[last]) return refuse(`its weight takes ${inputs} features, and there are ${x.shape[last]}`);
  const label = builder.label(weight.name, 'linear');
  builder.weight(label, 'weight', [inputs, outputs], x.flat === undefined ? matrix : reorderFeatures(matrix, x.flat, outputs));
  const args = [String(outputs), ...bias(builder, label, biases)];
  return builder.stage(x, 'linear', args, { shape: [...x.shape.slice(0, -1), outputs], places: x.places }, { label });
}

export function gemm(builder: AmpBuilder, node: NodeView): Value {
  if (node.int('transA', 0) !== 0) return refuse('it exchanges the axes of its first operand');
  if (node.float('alpha', 1) !== 1 || node.float('beta', 1) !== 1) return refuse('it scales its product or its bias');
  const biases = node.optional(2);
  const outputs = node.constant(1).shape[node.int('transB', 0) === 1 ? 0 : 1]!;
  if (biases !== undefined && biases.data.length !== outputs) return refuse('its bias is not one number for each output');
  return linear(builder, node.value(), node.constant(1), node.int('transB', 0) === 1, biases);
}

/** Its last axis by a matrix [in, out]. */
export function columnsByMatrix(builder: AmpBuilder, value: Value, matrix: Constant): Value {
  return matrix.shape.length === 2
    ? linear(builder, value, matrix, false, undefined)
    : refuse(`its weight has ${matrix.shape.length} axes, not 2`);
}

/** Its last but one axis by a matrix [out, in]. */
export function rowsByMatrix(builder: AmpBuilder, value: Value, matrix: Constant): Value {
  if (matrix.shape.length !== 2) return refuse(`its weight has ${matrix.shape.length} axes, not 2`);
  if (value.shape.length < 3) return refuse('it computes along the batch');
  const exchanged = <T>(list: readonly T[]): readonly T[] => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];
  const turned = ({ shape, places, ...others }: Value): Value => ({ ...others, shape: exchanged(shape), places: exchanged(places) });
  return turned(linear(builder, turned(value.flat === undefined ? value : builder.plain(value)), matrix, true, undefined));
}

export function matmul(builder: AmpBuilder, node: NodeView): Value {
  const other = node.inputs[1];
  if (other?.kind === 'constant') return columnsByMatrix(builder, node.value(), other);
  if (node.inputs[0]?.kind === 'constant') return rowsByMatrix(builder, node.value(1), node.inputs[0]);
  const left = builder.plain(node.value());
  const right = node.value(1);
  const rank = right.shape.length;
  if (left.shape.length !== rank || rank < 3) return refuse('its operands have not the same axes in front');
  const exchanged = [...identity(rank - 2), rank - 1, rank - 2];
  // Where ampc has its rows as columns it stays so, and the product reads it that way.
  const isExchanged = right.flat === undefined && right.places[rank - 1]! < right.places[rank - 2]!;
  const b = isExchanged ? builder.ordered(right, exchanged) : builder.plain(right);
  if (product(left.shape.slice(1, -2)) !== product(b.shape.slice(1, -2))) return refuse('it repeats one of its operands');
  const shape = [...left.shape.slice(0, -1), b.shape[rank - 1]!];
  return builder.stage(
    left,
    'matmul',
    ['%', ...(isExchanged ? ['transpose: true'] : [])],
    { shape, places: identity(rank) },
    { others: [b] },
  );
}
