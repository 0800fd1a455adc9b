import { numbersAttr } from '../../ir/types.js';
import { ints, text, type } from './calls.js';
import { CODES, INT32 } from './device.js';
import { type KernelContext, wide } from './kernel.js';
import { maxPoolKernels } from './max-pool.js';
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

export const poolKernels = {
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
