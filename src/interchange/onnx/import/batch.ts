import type { OnnxModel } from '../schema.js';
import type { AmpBuilder } from './builder.js';
import { refuse } from './tensors.js';
import { ampcShape, type Grouped, identity, product, type Value } from './values.js';

/** Sizes that a batch of any size is given while a model is read: primes, so that no reshape can take it apart unseen. */
const STAND_INS = [1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049] as const;

/**
 * What stands for the size of the batch where a model leaves it open: a prime that divides no size of its weights, so that a size has it as
 * a factor only where the batch is in it.
 */
export function openBatch({ graph }: OnnxModel): number {
  const sizes = (graph?.initializer ?? []).flatMap(({ dims = [] }) => dims);
  return STAND_INS.find((prime) => sizes.every((size) => size % prime !== 0)) ?? STAND_INS[0];
}

/** The same value with each axis of ONNX as a list of ampc's. */
export function grouped(builder: AmpBuilder, given: Value | Grouped): Grouped {
  if (given.kind === 'grouped') return given;
  const value = given.flat === undefined ? given : builder.plain(given);
  const { id, shape, places } = value;
  return { kind: 'grouped', id, shape, sizes: ampcShape(value), groups: places.map((place) => (place < 0 ? [] : [place])) };
}

/** All of it as a value whose axes of ONNX are those of ampc, the batch and what is joined with it in front. */
function inOrder({ id, sizes, groups }: Grouped): Value {
  const places = [0, ...groups.flat().filter((place) => place !== 0)];
  return { kind: 'value', id, shape: places.map((place) => sizes[place]!), places };
}

function reshaped(builder: AmpBuilder, id: number, sizes: readonly number[]): number {
  const inner = sizes.slice(1);
  const result = { shape: sizes, places: identity(sizes.length) };
  const of: Value = { kind: 'value', id, ...result };
  return (inner.length === 1 ? builder.stage(of, 'flatten', [], result) : builder.stage(of, 'reshape', [`[${inner.join(', ')}]`], result))
    .id;
}

/** Joined axes made one of ampc's each, but for those that the batch is among, whose others stay beside it. */
export function compact(builder: AmpBuilder, given: Grouped): Grouped {
  if (given.groups.every((group) => group.length < 2 || group.includes(0))) return given;
  const whole = inOrder(given);
  const { id } = builder.ordered(
    whole,
    whole.shape.map((_, axis) => axis),
  );
  const sizes = [given.sizes[0]!];
  const groups = given.groups.map((group) => {
    const inner = group.map((place) => given.sizes[place]!);
    if (!group.includes(0)) return group.length === 0 ? [] : [sizes.push(product(inner)) - 1];
    return group.map((place) => (place === 0 ? 0 : sizes.push(given.sizes[place]!) - 1));
  });
  return { ...given, id: reshaped(builder, id, sizes), sizes, groups };
}

/** A value that begins with the batch as the layers take it; any other as it is. */
export function simplified(builder: AmpBuilder, given: Grouped): Value | Grouped {
  const [first = [], ...others] = given.groups;
  if (first.length !== 1 || first[0] !== 0) return given;
  if (others.some((group) => group.length > 1)) return simplified(builder, compact(builder, given));
  return { kind: 'value', id: given.id, shape: given.shape, places: given.groups.map(([place = -1]) => place) };
}

interface Axis {
  readonly size: number;
  readonly isBatch: boolean;
}

/** Takes axes from the front of a list until their sizes make `wanted`; one that is too long is split. */
function taken(from: Axis[], wanted: number, split: (axis: Axis, size: number) => readonly [Axis, Axis]): readonly Axis[] | undefined {
  const result: Axis[] = [];
  for (let rest = wanted; rest > 1; ) {
    const axis = from.shift();
    if (axis === undefined) return undefined;
    if (rest % axis.size === 0) {
      result.push(axis);
      rest /= axis.size;
    } else {
      if (axis.isBatch || axis.size % rest !== 0) return undefined;
      const [head, tail] = split(axis, rest);
      result.push(head);
      from.unshift(tail);
      rest = 1;
    }
  }
  return result;
}

/**
 * The same elements under another shape of ONNX: axes that a new one joins stay apart in ampc, and those that it takes apart are split
 * there. A batch of one image can be any axis of size 1; it is the first of them.
 */
export function regrouped(builder: AmpBuilder, given: Value | Grouped, shape: readonly number[]): Value | Grouped {
  const { id, sizes, groups, shape: before } = grouped(builder, given);
  const axes: readonly Axis[] = sizes.map((size, place) => ({ size, isBatch: place === 0 }));
  const batch = axes[0]!;
  let layout = axes.filter((axis) => axis.isBatch || axis.size !== 1);
  const rest = groups.flatMap((group) => group.map((place) => axes[place]!)).filter(({ size }) => size !== 1);
  const split = (axis: Axis, size: number): readonly [Axis, Axis] => {
    const parts = [size, axis.size / size].map((part) => ({ size: part, isBatch: false })) as [Axis, Axis];
    layout = layout.flatMap((one) => (one === axis ? parts : [one]));
    return parts;
  };
  const found = shape.map((size) => taken(rest, size, split));
  if (product(before) !== product(shape) || found.includes(undefined))
    return refuse(`it makes [${shape.join(', ')}] of [${before.join(', ')}], which takes them apart elsewhere`);
  const lists = found as (readonly Axis[])[];
  if (batch.size === 1) {
    const at = Math.max(0, shape.indexOf(1));
    lists[at] = [batch, ...lists[at]!];
  }
  const next = layout.map(({ size }) => size);
  if (next.length < 2) return refuse('it has one number for each image');
  const isSame = next.length === sizes.length && next.every((size, place) => size === sizes[place]);
  return simplified(builder, {
    kind: 'grouped',
    id: isSame ? id : reshaped(builder, id, next),
    shape,
    sizes: next,
    groups: lists.map((list) => list.map((axis) => layout.indexOf(axis))),
  });
}

export function exchanged(builder: AmpBuilder, given: Value | Grouped, axes: readonly number[]): Value | Grouped {
  const { shape, groups, ...others } = grouped(builder, given);
  return simplified(builder, { ...others, shape: axes.map((axis) => shape[axis]!), groups: axes.map((axis) => groups[axis]!) });
}
