import { numbersAttr } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { attr, type Kernel } from './kernel.js';

/** `size` elements of one axis, and all of the others. */
export function range(tf: Calls, x: Tensor, axis: number, start: number, size: number): Tensor {
  return tf.slice(
    x,
    x.shape.map((_, a) => (a === axis ? start : 0)),
    x.shape.map((length, a) => (a === axis ? size : length)),
  );
}

const slice: Kernel = (context) => {
  const { tf, inputs, types, type } = context;
  const axis = attr(context, 'axis');
  return tf.slice(
    inputs[0]!,
    types[0]!.shape.map((_, i) => (i === axis ? attr(context, 'start') : 0)),
    type.shape,
  );
};

const reshape: Kernel = ({ tf, inputs: [x], type }) => tf.reshape(x!, type.shape);

const concat: Kernel = (context) => context.tf.concat(context.inputs, attr(context, 'axis'));

const transpose: Kernel = ({ tf, node, inputs: [x] }) => tf.transpose(x!, numbersAttr(node.attrs, 'axes'));

const broadcast: Kernel = ({ tf, inputs: [x], type }) => tf.broadcast(x!, type.shape);

const roll: Kernel = ({ tf, node, inputs: [x] }) => {
  const [axes, shifts] = [numbersAttr(node.attrs, 'axes'), numbersAttr(node.attrs, 'shifts')];
  return axes.reduce((y, axis, k) => {
    const size = y.shape[axis]!;
    const shift = ((shifts[k]! % size) + size) % size;
    return shift === 0 ? y : tf.concat([range(tf, y, axis, size - shift, shift), range(tf, y, axis, 0, size - shift)], axis);
  }, x!);
};

const pad: Kernel = ({ tf, node, inputs: [x] }) => {
  const [before, after] = [numbersAttr(node.attrs, 'before'), numbersAttr(node.attrs, 'after')];
  const amounts = before.map((amount, axis) => [amount, after[axis]!] as const);
  if (node.attrs.mode === 'zero') return tf.pad(x!, amounts, 0);
  if (node.attrs.mode === 'reflect') return tf.mirrorPad(x!, amounts);
  return amounts.reduce((y, [first, last], axis) => {
    const ends = [...(first > 0 ? [end(tf, y, axis, 0, first)] : []), y];
    return tf.concat(last > 0 ? [...ends, end(tf, y, axis, y.shape[axis]! - 1, last)] : ends, axis);
  }, x!);
};

/** An element of an axis, so many times. */
function end(tf: Calls, x: Tensor, axis: number, at: number, count: number): Tensor {
  return tf.broadcast(
    range(tf, x, axis, at, 1),
    x.shape.map((size, a) => (a === axis ? count : size)),
  );
}

const upsampleNearest: Kernel = ({ tf, node, inputs: [x], type }) => {
  const [rows, columns] = numbersAttr(node.attrs, 'factor') as [number, number];
  const [batch, height, width, channels] = x!.shape as [number, number, number, number];
  const blocks = tf.broadcast(tf.reshape(x!, [batch, height, 1, width, 1, channels]), [batch, height, rows, width, columns, channels]);
  return tf.reshape(blocks, type.shape);
};

export const shapeKernels = { reshape, concat, slice, transpose, broadcast, roll, pad, upsample_nearest: upsampleNearest };
