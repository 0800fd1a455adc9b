import { permuted } from '../../permuted.js';
import type { AmpBuilder } from './builder.js';
import { resolveShape } from './fold.js';
import type { NodeView } from './node.js';
import { refuse } from './tensors.js';
import { ampcShape, identity, layerAxis, type Operand, onceForAll, product, samePlaces, type Value } from './values.js';

/** Another shape of ONNX that only adds or drops axes of size 1: undefined where it is more than that. */
function withOnes(builder: AmpBuilder, value: Value, shape: readonly number[]): Value | undefined {
  const real = value.shape.flatMap((size, axis) => (axis > 0 && size !== 1 ? [{ size, place: value.places[axis]! }] : []));
  const next = shape.flatMap((size, axis) => (axis > 0 && size !== 1 ? [{ size, axis }] : []));
  if (real.length !== next.length || real.some(({ size }, i) => size !== next[i]!.size) || shape[0] !== value.shape[0]) return undefined;
  // Axes of size 1 that ampc's value has go first.
  const order = [0, ...real.map(({ place }) => place).sort((a, b) => a - b)];
  const sizes = ampcShape(value);
  const isBare = sizes.length === order.length;
  const places = shape.map((_, axis) => {
    const found = next.findIndex((entry) => entry.axis === axis);
    return axis === 0 ? 0 : found < 0 ? -1 : order.indexOf(real[found]!.place);
  });
  const flat = value.flat === undefined ? {} : { flat: value.flat };
  if (isBare) return { ...value, shape, places, ...flat };
  if (real.length === 0) return undefined;
  const inner = order.slice(1).map((place) => sizes[place]!);
  const layer = inner.length === 1 ? builder.stage(value, 'flatten', [], { shape, places }) : undefined;
  return layer ?? builder.stage(value, 'reshape', [`[${inner.join(', ')}]`], { shape, places });
}

/** The image row by row as one list of features, channels last. */
function flattened(builder: AmpBuilder, value: Value, shape: readonly number[]): Value {
  const [, channels, height, width] = value.shape as [number, number, number, number];
  return builder.stage(value, 'flatten', [], { shape, places: identity(2), flat: [height, width, channels] });
}

export function reshapeTo(builder: AmpBuilder, value: Value, shape: readonly number[]): Value {
  const [batch] = value.shape;
  if (shape[0] !== batch)
    return refuse(`it makes [${shape.join(', ')}] of [${value.shape.join(', ')}], which are no images of the same batch`);
  const onlyOnes = withOnes(builder, value, shape);
  if (onlyOnes !== undefined) return onlyOnes;
  const isImage = samePlaces(value.places, [0, 3, 1, 2]);
  const [, channels = 0, height = 0, width = 0] = value.shape;
  if (isImage && shape.length === 2) return flattened(builder, value, shape);
  // The places of an image as one axis, behind the channels for ONNX and before them for ampc.
  if (isImage && shape.length === 3 && shape[1] === channels)
    return builder.stage(value, 'reshape', [`[${height * width}, ${channels}]`], { shape, places: [0, 2, 1] });
  if (samePlaces(value.places, [0, 2, 1]) && shape.length === 4 && shape[1] === channels)
    return builder.stage(value, 'reshape', [`[${shape[2]}, ${shape[3]}, ${channels}]`], { shape, places: [0, 3, 1, 2] });
  return builder.reshaped(value, shape);
}

/** The shape that a Reshape makes. */
export function targetOf(node: NodeView): readonly number[] {
  return resolveShape([...node.constant(1).data], node.inputs[0]!.shape);
}

/** The shape that a Flatten makes. */
export function flattenedShape(node: NodeView): readonly number[] {
  const { shape } = node.inputs[0]!;
  const given = node.int('axis', 1);
  const axis = given < 0 ? given + shape.length : given;
  return [product(shape.slice(0, axis)), product(shape.slice(axis))];
}

export function transposed(builder: AmpBuilder, given: Value, axes: readonly number[]): Value {
  const value = given.flat === undefined ? given : builder.plain(given);
  // No layer is needed: whoever reads it knows where the axes are.
  return { ...value, shape: axes.map((axis) => value.shape[axis]!), places: axes.map((axis) => value.places[axis]!) };
}

/** A constant among computed values: the same for all images. */
function asValue(builder: AmpBuilder, given: Operand | undefined, like: Value): Value {
  if (given === undefined) return refuse('an operand is missing');
  if (given.kind === 'value') return given;
  if (given.kind === 'grouped') return refuse('an operand does not begin with the batch');
  const operand = onceForAll(given, like);
  if (operand.shape[0] !== 1 || operand.shape.length !== like.shape.length) return refuse('a constant is other numbers for each image');
  const axes = like.places.flatMap((place, axis) => (place > 0 ? [{ place, axis }] : [])).sort((a, b) => a.place - b.place);
  const order = [0, ...axes.map(({ axis }) => axis)];
  const shape = order.slice(1).map((axis) => operand.shape[axis]!);
  return builder.learned(operand.name, shape, permuted(operand.data, operand.shape, order), {
    shape: [like.shape[0]!, ...operand.shape.slice(1)],
    places: like.places,
  });
}

export function concat(builder: AmpBuilder, node: NodeView): Value {
  const like = node.inputs.find((input): input is Value => input?.kind === 'value')!;
  const values = node.inputs.map((input) => asValue(builder, input, like));
  const places = values[0]!.flat === undefined ? values[0]!.places : identity(2);
  const alike = values.map((value) => (samePlaces(value.places, places) && value.flat === undefined ? value : builder.plain(value)));
  const rank = like.shape.length;
  const all = alike.every((value) => samePlaces(value.places, alike[0]!.places)) ? alike : alike.map((value) => builder.plain(value));
  const at = node.int('axis', 0);
  const axis = at < 0 ? at + rank : at;
  const [head, ...tail] = all as [Value, ...Value[]];
  // Networks of joined branches have it of one as well, where they begin.
  if (tail.length === 0) return head;
  const shape = head.shape.map((size, i) => (i === axis ? all.reduce((sum, value) => sum + value.shape[axis]!, 0) : size));
  const along = layerAxis(head, axis);
  const isLast = along === ampcShape(head).length - 2;
  return builder.stage(
    head,
    'concat',
    [...tail.map(() => '%'), ...(isLast ? [] : [`axis: ${along}`])],
    { shape, places: head.places },
    { others: tail },
  );
}

function range(builder: AmpBuilder, value: Value, axis: number, start: number, size: number): Value {
  if (start === 0 && size === value.shape[axis]) return value;
  const shape = value.shape.map((whole, i) => (i === axis ? size : whole));
  return builder.stage(value, 'slice', [String(start), `size: ${size}`, `axis: ${layerAxis(value, axis)}`], {
    shape,
    places: value.places,
  });
}

export function slice(builder: AmpBuilder, node: NodeView): Value {
  let value = node.value().flat === undefined ? node.value() : builder.plain(node.value());
  const [starts, ends] = [node.numbers(1, 'starts') ?? [], node.numbers(2, 'ends') ?? []];
  const axes = node.numbers(3, 'axes') ?? starts.map((_, axis) => axis);
  if ((node.numbers(4, 'steps') ?? []).some((step) => step !== 1)) return refuse('it leaves elements out between others');
  for (const [i, given] of axes.entries()) {
    const axis = given < 0 ? given + value.shape.length : given;
    const size = value.shape[axis]!;
    const at = (place: number) => Math.min(size, Math.max(0, place < 0 ? place + size : place));
    value = range(builder, value, axis, at(starts[i]!), at(ends[i]!) - at(starts[i]!));
  }
  return value;
}

/** One place of an axis, which is then gone. */
export function gather(builder: AmpBuilder, node: NodeView): Value {
  const value = node.value().flat === undefined ? node.value() : builder.plain(node.value());
  const index = node.constant(1);
  if (index.data.length !== 1 || index.shape.length > 0) return refuse('it takes several places of an axis');
  const at = node.int('axis', 0);
  const axis = at < 0 ? at + value.shape.length : at;
  const place = index.data[0]! < 0 ? index.data[0]! + value.shape[axis]! : index.data[0]!;
  const part = range(builder, value, axis, place, 1);
  return reshapeTo(
    builder,
    part,
    part.shape.filter((_, i) => i !== axis),
  );
}

export function split(builder: AmpBuilder, node: NodeView): readonly Value[] {
  const value = node.value().flat === undefined ? node.value() : builder.plain(node.value());
  const at = node.int('axis', 0);
  const axis = at < 0 ? at + value.shape.length : at;
  const count = node.node.output?.length ?? 1;
  const size = value.shape[axis]!;
  const each = Math.ceil(size / count);
  const sizes = node.numbers(1, 'split') ?? Array.from({ length: count }, (_, i) => Math.min(each, size - i * each));
  let start = 0;
  return sizes.map((part) => {
    start += part;
    return range(builder, value, axis, start - part, part);
  });
}

const PAD_MODES: Readonly<Record<string, string | undefined>> = { constant: 'zero', reflect: 'reflect', edge: 'replicate' };

export function pad(builder: AmpBuilder, node: NodeView): Value {
  const image = builder.image(node.value());
  const pads = node.numbers(1, 'pads') ?? [];
  const mode = PAD_MODES[node.text('mode', 'constant')] ?? refuse(`mode ${node.text('mode', '')} is none of pad`);
  if ((node.optional(2)?.data[0] ?? 0) !== 0) return refuse('it pads with another number than 0');
  if (pads.length !== 8 || pads.some((size, i) => size < 0 || (i % 4 < 1 && size !== 0))) return refuse('it pads the batch, or cuts');
  const [, before, top, left, , behind, bottom, right] = pads as readonly number[];
  const amounts = [top!, bottom!, left!, right!, ...(before === 0 && behind === 0 ? [] : [before!, behind!])];
  const shape = image.shape.map((size, axis) => size + pads[axis]! + pads[axis + 4]!);
  const args = [`[${amounts.join(', ')}]`, ...(mode === 'zero' ? [] : [`mode: ${mode}`])];
  return builder.stage(image, 'pad', args, { shape, places: image.places });
}

export function resize(builder: AmpBuilder, node: NodeView): Value {
  const image = builder.image(node.value());
  const sizes = node.inputs[3] === undefined ? undefined : [...node.constant(3).data];
  const scales = sizes?.map((size, axis) => size / image.shape[axis]!) ?? [...(node.optional(2)?.data ?? [])];
  const [batch, channels, rows, columns] = scales;
  const isWhole = [rows, columns].every((factor) => Number.isInteger(factor) && factor! >= 1);
  if (batch !== 1 || channels !== 1 || !isWhole) return refuse('it resizes by what is no whole factor of rows and columns');
  const mode = node.text('mode', 'nearest');
  const transform = node.text('coordinate_transformation_mode', 'half_pixel');
  const rounding = node.text('nearest_mode', 'round_prefer_floor');
  const isRepeat =
    mode === 'nearest' &&
    ((transform === 'asymmetric' && rounding === 'floor') || (transform === 'half_pixel' && rounding.startsWith('round')));
  if (!isRepeat && !(mode === 'linear' && /half_pixel$/.test(transform)))
    return refuse(`mode ${mode} with ${transform} is not that of upsample`);
  const shape = [image.shape[0]!, image.shape[1]!, image.shape[2]! * rows!, image.shape[3]! * columns!];
  const factor = rows === columns ? String(rows) : `[${rows}, ${columns}]`;
  return builder.stage(image, 'upsample', [factor, ...(mode === 'linear' ? ['mode: bilinear'] : [])], { shape, places: image.places });
}
