import type { Shape, ValueId } from '../ir/types.js';
import { elementCount, numbersAttr, sameShape } from '../ir/types.js';
import { along, type CopyDefinition, copyOf } from './copy-map.js';
import { constrain, type SampleRandom } from './op.js';
import { f32, sampleChannels, sampleShape } from './sample.js';
import { formatShape } from './window.js';

/** The places of `count` values, in a random order. */
function shuffled(random: SampleRandom, count: number): number[] {
  const places = Array.from({ length: count }, (_, place) => place);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = random.int(0, last);
    [places[last], places[other]] = [places[other], places[last]];
  }
  return places;
}

/** Whether these are different axes of a tensor of that rank. */
function areAxes(axes: readonly number[], rank: number): boolean {
  return axes.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank) && new Set(axes).size === axes.length;
}

/** y[i_axes[0], i_axes[1], ...] = x[i_0, i_1, ...]: axis k of the result is axis axes[k] of x. */
export const transpose: CopyDefinition = {
  doc: 'The axes in another order.',
  kind: 'copy',
  constraints: { transpose_c1: 'axes names each axis of x once' },
  operands: [{ name: 'x', format: 'class' }],
  attrs: { axes: { kind: 'numbers', doc: 'by axis of the result: the axis of x, from 0' } },
  precision: 'follow',
  result: 'class',
  shape: ([x], attrs) => {
    const axes = numbersAttr(attrs, 'axes');
    constrain(
      axes.length === x.shape.length && areAxes(axes, x.shape.length),
      'transpose_c1',
      () => `${formatShape(axes)} is no order of the axes of ${formatShape(x.shape)}`,
    );
    return axes.map((axis) => x.shape[axis]);
  },
  map: ([x], attrs, shape) => {
    const axes = numbersAttr(attrs, 'axes');
    return copyOf(
      shape,
      x.shape.map((size, axis) => along(axes.indexOf(axis), size)),
    );
  },
  gradient: ({ node, dy, emit }) => {
    const axes = numbersAttr(node.attrs, 'axes');
    return [emit('transpose', [dy], { axes: axes.map((_, axis) => axes.indexOf(axis)) }, 0)];
  },
  flops: () => 0,
  sample: (random) => {
    const shape = [random.int(1, 3), random.int(1, 5), random.int(2, 6), sampleChannels(random)].slice(random.int(0, 2));
    return { types: [f32(...shape)], attrs: { axes: shuffled(random, shape.length) } };
  },
};

/** By axis of `shape`: whether x, whose axes are the last ones, is repeated along it. */
function stretchedAxes(x: Shape, shape: Shape): readonly boolean[] {
  const added = shape.length - x.length;
  return shape.map((size, axis) => axis < added || (x[axis - added] === 1 && size !== 1));
}

/** Whether x becomes `shape` by repeating it along new first axes, and along axes of size 1. */
export function stretchesTo(x: Shape, shape: Shape): boolean {
  const added = shape.length - x.length;
  return added >= 0 && x.every((size, axis) => size === 1 || size === shape[axis + added]);
}

/** y[..., i, j, ...] = x[i or 0, j or 0, ...]: an axis of size 1 is repeated, axes that x does not have come first. */
export const broadcast: CopyDefinition = {
  doc: 'Repeats a tensor along new first axes, and along its axes of size 1.',
  kind: 'copy',
  repeats: true,
  constraints: { broadcast_c1: 'each axis, counted from the last, has the size of the result or is 1' },
  operands: [{ name: 'x', format: 'class' }],
  attrs: { shape: { kind: 'numbers', doc: 'shape of the result' } },
  precision: 'follow',
  result: 'class',
  shape: ([x], attrs) => {
    const shape = numbersAttr(attrs, 'shape');
    constrain(stretchesTo(x.shape, shape), 'broadcast_c1', () => `${formatShape(x.shape)} does not stretch to ${formatShape(shape)}`);
    return shape;
  },
  map: ([x], _attrs, shape) => {
    const added = shape.length - x.shape.length;
    const stretched = stretchedAxes(x.shape, shape);
    return copyOf(
      shape,
      x.shape.map((size, axis) => along(stretched[axis + added] ? undefined : axis + added, size)),
    );
  },
  gradient: ({ node, dy, emit, builder }) => {
    const { shape } = builder.type(node.inputs[0]);
    if (sameShape(shape, node.type.shape)) return [dy];
    const stretched = stretchedAxes(shape, node.type.shape);
    const count = elementCount(shape);
    const sumOfRows = (x: ValueId): ValueId => {
      const all = builder.type(x).shape;
      // What computes x can add up its channels as it goes; of another shape x has to be there first.
      if (all.at(-1) === count) return emit('sum_to_channel', [x], {}, 0);
      if (count === 1 && all.length > 1) return sumOfRows(emit('sum_to_channel', [x], {}, 0));
      return emit('sum_to_channel', [emit('reshape', [x], { shape: [elementCount(all) / count, count] }, 0)], {}, 0);
    };
    // One row of neighbouring axes after the other; the first ones, as of a parameter, as the rows of a matrix.
    let gradient = dy;
    for (let end = stretched.length; end > 0; end -= 1) {
      if (!stretched[end - 1]) continue;
      let first = end - 1;
      while (first > 0 && stretched[first - 1]) first -= 1;
      const axes = Array.from({ length: end - first }, (_, i) => first + i);
      gradient = first === 0 ? sumOfRows(gradient) : emit('sum', [gradient], { axes, keep: true }, 0);
      end = first;
    }
    return [sameShape(builder.type(gradient).shape, shape) ? gradient : emit('reshape', [gradient], { shape }, 0)];
  },
  flops: () => 0,
  sample: (random) => {
    const shape = sampleShape(random);
    const kept = shape.map((size) => (random.int(0, 1) === 0 ? size : 1));
    return { types: [f32(...kept.slice(random.int(0, kept.length)))], attrs: { shape } };
  },
};

/** y[..., i, ...] = x[..., i - shift, ...], around the ends of the axis, for each of some axes. */
export const roll: CopyDefinition = {
  doc: 'Moves elements along axes; those that leave at one end come in at the other.',
  kind: 'copy',
  constraints: {
    roll_c1: 'axes are different axes of x',
    roll_c2: 'there is a whole number of places for each axis',
  },
  operands: [{ name: 'x', format: 'class' }],
  attrs: {
    axes: { kind: 'numbers', doc: 'from 0' },
    shifts: { kind: 'numbers', doc: 'by how many places, towards higher indices, along each of the axes' },
  },
  precision: 'follow',
  result: 'class',
  shape: ([x], attrs) => {
    const [axes, shifts] = [numbersAttr(attrs, 'axes'), numbersAttr(attrs, 'shifts')];
    constrain(areAxes(axes, x.shape.length), 'roll_c1', () => `${formatShape(axes)} are not axes of ${formatShape(x.shape)}`);
    constrain(
      shifts.length === axes.length && shifts.every(Number.isInteger),
      'roll_c2',
      () => `${formatShape(shifts)} are no whole numbers for ${axes.length} axes`,
    );
    return x.shape;
  },
  map: ([x], attrs, shape) => {
    const [axes, shifts] = [numbersAttr(attrs, 'axes'), numbersAttr(attrs, 'shifts')];
    return copyOf(
      shape,
      x.shape.map((size, axis) => {
        const shift = shifts[axes.indexOf(axis)] ?? 0;
        const moved = (((-shift % size) + size) % size) % size;
        return moved === 0 ? along(axis, size) : along(axis, size, moved, 'wraps');
      }),
    );
  },
  gradient: ({ node, dy, emit }) => {
    const shifts = numbersAttr(node.attrs, 'shifts').map((shift) => (shift === 0 ? 0 : -shift));
    return [emit('roll', [dy], { ...node.attrs, shifts }, 0)];
  },
  flops: () => 0,
  sample: (random) => {
    const shape = sampleShape(random);
    const axes = shuffled(random, shape.length).slice(0, random.int(1, shape.length));
    return { types: [f32(...shape)], attrs: { axes, shifts: axes.map(() => random.int(-9, 9)) } };
  },
};
