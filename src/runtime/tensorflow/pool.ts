import { numbersAttr } from '../../ir/types.js';
import { axisTaps } from '../../ops/index.js';
import { type WindowPlaces, windowsAlong } from '../../ops/mean-windows.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES, INT32 } from './device.js';
import { type KernelContext, wide } from './kernel.js';
import { maxPoolKernels } from './max-pool.js';
import { ints, text, type } from './op-attributes.js';
import { range } from './shape.js';
import { meanOfImage } from './sums.js';

function averageAttrs({ node }: KernelContext) {
  const [window, stride] = [numbersAttr(node.attrs, 'window'), numbersAttr(node.attrs, 'stride')];
  const sizes = [ints('ksize', [1, ...window, 1]), ints('strides', [1, ...stride, 1])];
  return [...sizes, type('T', CODES.f32), text('padding', 'VALID'), text('data_format', 'NHWC')];
}

function averagePadding({ node }: KernelContext): readonly (readonly [number, number])[] {
  const [top, bottom, left, right] = numbersAttr(node.attrs, 'padding') as [number, number, number, number];
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
}

/** Along rows and columns: each window's places and by what their sum is divided. */
function windowsOf({ node, types }: KernelContext): readonly (readonly WindowPlaces[])[] {
  return axisTaps(node, types)!.map((axis) => (axis.kind === 'mean' ? windowsAlong(axis.windows) : []));
}

/** Means along one axis of an image, a window at a time. */
function meansAlong(tf: Calls, x: Tensor, axis: number, windows: readonly WindowPlaces[]): Tensor {
  const means = windows.map(({ from, to, count }) => tf.div(tf.reduce('Sum', range(tf, x, axis, from, to - from), [axis], true), count));
  return tf.concat(means, axis);
}

/** Along one axis, which has `size` places: each number spread evenly over its window. */
function spreadAlong(tf: Calls, dy: Tensor, axis: number, windows: readonly WindowPlaces[], size: number): Tensor {
  const parts = windows.map(({ from, to, count }, i) => {
    const share = tf.div(range(tf, dy, axis, i, 1), count);
    const repeated = tf.concat(
      Array.from({ length: to - from }, () => share),
      axis,
    );
    return tf.pad(
      repeated,
      dy.shape.map((_, a): [number, number] => (a === axis ? [from, size - to] : [0, 0])),
      0,
    );
  });
  return tf.sum(parts);
}

const meanPool = wide((tf, [x], context) => windowsOf(context).reduce((y, windows, i) => meansAlong(tf, y, i + 1, windows), x!));
const meanPoolGrad = wide((tf, [dy], context) =>
  windowsOf(context).reduce((dx, windows, i) => spreadAlong(tf, dx, i + 1, windows, context.type.shape[i + 1]!), dy!),
);

export const poolKernels = {
  clipped_avg_pool2d: meanPool,
  clipped_avg_pool2d_grad: meanPoolGrad,
  adaptive_avg_pool2d: meanPool,
  adaptive_avg_pool2d_grad: meanPoolGrad,
  ...maxPoolKernels,
  avg_pool2d: wide((tf, [x], context) =>
    tf.device.execute('AvgPool', averageAttrs(context), [tf.pad(x!, averagePadding(context), 0)], CODES.f32),
  ),
  avg_pool2d_grad: wide((tf, [dy], context) => {
    const padding = averagePadding(context);
    const padded = context.type.shape.map((length, axis) => length + padding[axis]![0] + padding[axis]![1]);
    const dx = tf.device.execute('AvgPoolGrad', averageAttrs(context), [tf.vector(padded), dy!], CODES.f32);
    return tf.slice(
      dx,
      padding.map(([before]) => before),
      context.type.shape,
    );
  }),
  global_avg_pool: wide((tf, [x]) => meanOfImage(tf, x!)),
  global_avg_pool_grad: wide((tf, [dy], { type: { shape } }) => {
    const [batch, height, width, channels] = shape as [number, number, number, number];
    const share = tf.reshape(tf.div(dy!, height * width), [batch, 1, 1, channels]);
    return tf.device.execute('BroadcastTo', [type('T', CODES.f32), type('Tidx', INT32)], [share, tf.vector(shape)], CODES.f32);
  }),
};
