import type { Attrs, Shape } from '../ir/types.js';
import { elementCount, numberAttr, numbersAttr, sameShape } from '../ir/types.js';
import { along, type CopyDefinition, copyOf } from './copy-map.js';
import { constrain, type OpDefinition } from './op.js';
import { f32, sampleChannels, sampleImage, sampleShape } from './sample.js';
import { formatShape } from './window.js';

function checkedAxis(label: string, shape: Shape, attrs: Attrs): number {
  const axis = numberAttr(attrs, 'axis');
  constrain(axis >= 0 && axis < shape.length, label, () => `axis ${axis} is not an axis of ${formatShape(shape)}`);
  return axis;
}

function withAxis(shape: Shape, axis: number, size: number): readonly number[] {
  return shape.map((old, a) => (a === axis ? size : old));
}

export const reshape: OpDefinition<'view'> = {
  doc: 'The same elements in row-major order under another shape.',
  kind: 'view',
  constraints: { reshape_c1: 'both shapes have the same number of elements' },
  operands: [{ name: 'x', format: 'class' }],
  attrs: { shape: { kind: 'numbers', doc: 'new shape' } },
  precision: 'follow',
  result: 'class',
  shape: ([x], attrs) => {
    const shape = numbersAttr(attrs, 'shape');
    constrain(
      elementCount(shape) === elementCount(x.shape),
      'reshape_c1',
      `${formatShape(x.shape)} has ${elementCount(x.shape)} elements, ${formatShape(shape)} has ${elementCount(shape)}`,
    );
    return shape;
  },
  gradient: ({ node, dy, emit, builder }) => [emit('reshape', [dy], { shape: builder.type(node.inputs[0]).shape }, 0)],
  flops: () => 0,
  sample: (random) => {
    const shape = sampleImage(random);
    return { types: [f32(...shape)], attrs: { shape: [shape[0], elementCount(shape) / shape[0]] } };
  },
};

export const concat: CopyDefinition = {
  doc: 'Tensors one after the other along an axis.',
  kind: 'copy',
  joins: true,
  constraints: {
    concat_c1: 'there is at least one operand',
    concat_c2: 'axis is an axis of the operands',
    concat_c3: 'the operands have the same sizes on every other axis',
  },
  operands: [{ name: 'x', format: 'class', variadic: true }],
  attrs: { axis: { kind: 'number', doc: 'from 0' } },
  precision: 'promote',
  result: 'class',
  shape: (types, attrs) => {
    constrain(types.length > 0, 'concat_c1', 'concat needs at least one operand');
    const first = types[0].shape;
    const axis = checkedAxis('concat_c2', first, attrs);
    let total = 0;
    for (const { shape } of types) {
      constrain(
        shape.length === first.length && sameShape(withAxis(shape, axis, 0), withAxis(first, axis, 0)),
        'concat_c3',
        `${formatShape(first)} and ${formatShape(shape)} cannot be joined along axis ${axis}`,
      );
      total += shape[axis];
    }
    return withAxis(first, axis, total);
  },
  map: (types, attrs, shape) => {
    const joined = numberAttr(attrs, 'axis');
    let start = 0;
    const sources = types.map((type, operand) => {
      const from = start;
      start += type.shape[joined];
      const axes = type.shape.map((size, axis) => (axis === joined ? along(axis, size, -from, 'leaves') : along(axis, size)));
      return { operand, axes };
    });
    return { shape, sources, fill: 0 };
  },
  gradient: ({ node, dy, needs, emit, builder }) => {
    const axis = numberAttr(node.attrs, 'axis');
    let start = 0;
    return node.inputs.map((input, i) => {
      const size = builder.type(input).shape[axis];
      const from = start;
      start += size;
      return needs(i) ? emit('slice', [dy], { axis, start: from, size }, i) : undefined;
    });
  },
  flops: () => 0,
  sample: (random) => {
    const shape = sampleShape(random);
    const axis = random.int(0, shape.length - 1);
    const types = Array.from({ length: random.int(1, 3) }, () => f32(...withAxis(shape, axis, sampleChannels(random))));
    return { types, attrs: { axis } };
  },
};

export const slice: CopyDefinition = {
  doc: 'A contiguous range of one axis.',
  kind: 'copy',
  takesPart: true,
  constraints: {
    slice_c1: 'axis is an axis of x',
    slice_c2: 'the range lies within the axis',
  },
  operands: [{ name: 'x', format: 'class' }],
  attrs: {
    axis: { kind: 'number', doc: 'from 0' },
    start: { kind: 'number', doc: 'first index' },
    size: { kind: 'number', doc: 'how many' },
  },
  precision: 'follow',
  result: 'class',
  shape: ([x], attrs) => {
    const axis = checkedAxis('slice_c1', x.shape, attrs);
    const start = numberAttr(attrs, 'start');
    const size = numberAttr(attrs, 'size');
    constrain(
      start >= 0 && size > 0 && start + size <= x.shape[axis],
      'slice_c2',
      `${start}..${start + size} is not within the ${x.shape[axis]} elements of axis ${axis}`,
    );
    return withAxis(x.shape, axis, size);
  },
  map: ([x], attrs, shape) => {
    const [cut, start] = [numberAttr(attrs, 'axis'), numberAttr(attrs, 'start')];
    return copyOf(
      shape,
      x.shape.map((size, axis) => along(axis, size, axis === cut ? start : 0)),
    );
  },
  gradient: ({ node, dy, emit, builder }) => {
    const { shape } = builder.type(node.inputs[0]);
    const [cut, start] = [numberAttr(node.attrs, 'axis'), numberAttr(node.attrs, 'start')];
    const behind = shape[cut] - start - numberAttr(node.attrs, 'size');
    const at = (amount: number) => shape.map((_, axis) => (axis === cut ? amount : 0));
    return [emit('pad', [dy], { before: at(start), after: at(behind), mode: 'zero' }, 0)];
  },
  flops: () => 0,
  sample: (random) => {
    const shape = sampleShape(random);
    const axis = random.int(0, shape.length - 1);
    const start = random.int(0, shape[axis] - 1);
    return { types: [f32(...shape)], attrs: { axis, start, size: random.int(1, shape[axis] - start) } };
  },
};
