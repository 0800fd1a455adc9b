import { numbersAttr } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { wide } from './kernel.js';
import { range } from './shape.js';

/** The sum of `count` elements of an axis from `start` on, in their place. */
function sumOf(tf: Calls, x: Tensor, axis: number, start: number, count: number): Tensor {
  const part = range(tf, x, axis, start, count);
  return count === 1 ? part : tf.reduce('Sum', part, [axis], true);
}

/** Along one axis: what stands before and behind it added to its ends. */
function addToEnds(tf: Calls, x: Tensor, axis: number, before: number, after: number): Tensor {
  const size = x.shape[axis]! - before - after;
  if (before + after === 0) return x;
  if (size === 1) return sumOf(tf, x, axis, 0, x.shape[axis]!);
  const middle = size > 2 ? [range(tf, x, axis, before + 1, size - 2)] : [];
  return tf.concat([sumOf(tf, x, axis, 0, before + 1), ...middle, sumOf(tf, x, axis, before + size - 1, after + 1)], axis);
}

const padGrad = wide((tf, [dy], { node }) => {
  const [before, after] = [numbersAttr(node.attrs, 'before'), numbersAttr(node.attrs, 'after')];
  if (node.attrs.mode === 'reflect')
    return tf.mirrorPadGrad(
      dy!,
      before.map((amount, axis) => [amount, after[axis]!]),
    );
  return [1, 2].reduce((x, axis) => addToEnds(tf, x, axis, before[axis]!, after[axis]!), dy!);
});

const upsampleNearestGrad = wide((tf, [dy], { node, type }) => {
  const [rows, columns] = numbersAttr(node.attrs, 'factor') as [number, number];
  const [batch, height, width, channels] = type.shape as [number, number, number, number];
  return tf.reduce('Sum', tf.reshape(dy!, [batch, height, rows, width, columns, channels]), [2, 4]);
});

export const resampleKernels = {
  pad_grad: padGrad,
  upsample_nearest_grad: upsampleNearestGrad,
  upsample_bilinear: wide((tf, [x], { type }) => tf.resizeBilinear(x!, type.shape)),
  upsample_bilinear_grad: wide((tf, [dy], { type }) => tf.resizeBilinearGrad(dy!, type.shape)),
};
