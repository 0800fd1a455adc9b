import { numbersAttr, type Shape } from '../../ir/types.js';
import type { OpAttr, Tensor } from './binding.js';
import { type Calls, flag, ints, text, type } from './calls.js';
import { CODES } from './device.js';
import { type Kernel, type KernelContext, wide } from './kernel.js';
import { areEqual, convolutionWithBias, madeElements } from './onednn.js';
import { sumOverBatch, sumToChannel } from './sums.js';

/**
 * A contraction: on half operands in TensorFlow's half kernel where the device has good ones and the result is half too, else on operands
 * widened to f32, so that an f32 result is never rounded to half on its way.
 */
function contraction(compute: (tf: Calls, inputs: readonly Tensor[], context: KernelContext) => Tensor): Kernel {
  const widened = wide(compute);
  return (context) => {
    const { nativeHalf, tf, type: result, types, inputs } = context;
    const [a, b] = types;
    if (!nativeHalf || a!.dtype !== result.dtype || b!.dtype !== result.dtype) return widened(context);
    return compute(tf, [inputs[0]!, inputs[1]!, ...inputs.slice(2).map((bias) => tf.to(bias, a!.dtype as 'f16'))], context);
  };
}

/** Attributes of TensorFlow's convolutions for a window over an image. */
function convolution(context: KernelContext, image: Shape, result: Shape, kernel: readonly number[], dtype: number): OpAttr[] {
  const stride = numbersAttr(context.node.attrs, 'stride');
  const padding = numbersAttr(context.node.attrs, 'padding');
  const same = [0, 1].every((axis) => {
    const total = Math.max(0, (result[axis + 1]! - 1) * stride[axis]! + kernel[axis]! - image[axis + 1]!);
    const covers = result[axis + 1] === Math.ceil(image[axis + 1]! / stride[axis]!);
    return covers && padding[2 * axis] === Math.floor(total / 2) && padding[2 * axis + 1] === Math.ceil(total / 2);
  });
  const attrs = [type('T', dtype), ints('strides', [1, ...stride, 1]), ints('dilations', [1, 1, 1, 1]), text('data_format', 'NHWC')];
  if (padding.every((amount) => amount === 0)) return [...attrs, text('padding', 'VALID')];
  if (same) return [...attrs, text('padding', 'SAME')];
  return [...attrs, text('padding', 'EXPLICIT'), ints('explicit_paddings', [0, 0, ...padding, 0, 0])];
}

function withBias(tf: Calls, y: Tensor, bias: Tensor | undefined): Tensor {
  if (bias === undefined) return y;
  return tf.device.execute('BiasAdd', [type('T', y.dtype), text('data_format', 'NHWC')], [y, bias], y.dtype);
}

function matmul(tf: Calls, a: Tensor, b: Tensor, transposed: 'a' | 'b' | 'none'): Tensor {
  const attrs = [type('T', a.dtype), flag('transpose_a', transposed === 'a'), flag('transpose_b', transposed === 'b')];
  return tf.device.execute('MatMul', attrs, [a, b], a.dtype);
}

/** Whether oneDNN's convolution gives what TensorFlow's and an addition of the bias give, on images like `x`. */
function addsBias(tf: Calls, attrs: readonly OpAttr[], x: Tensor, w: Tensor): boolean {
  const settings = attrs.map(({ name, value }) => `${name} ${value}`).join(' ');
  return tf.device.passes(`conv2d with bias: ${settings} of ${x.shape.slice(1)} by ${w.shape}`, () => {
    const operands = [[1, ...x.shape.slice(1)], w.shape, w.shape.slice(3)].map((shape) => madeElements(tf, shape));
    const [image, weight, bias] = operands as [Tensor, Tensor, Tensor];
    const expected = withBias(tf, tf.device.execute('Conv2D', attrs, [image, weight], x.dtype), bias);
    return areEqual(tf, [[convolutionWithBias(tf, attrs, [image, weight, bias]), expected]]);
  });
}

export const contractionKernels = {
  conv2d: contraction((tf, [x, w, bias], context) => {
    const attrs = convolution(context, x!.shape, context.type.shape, w!.shape, x!.dtype);
    if (bias !== undefined && x!.dtype === CODES.f32 && addsBias(tf, attrs, x!, w!)) return convolutionWithBias(tf, attrs, [x!, w!, bias]);
    return withBias(tf, tf.device.execute('Conv2D', attrs, [x!, w!], x!.dtype), bias);
  }),
  conv2d_input_grad: contraction((tf, [dy, w], context) => {
    const { shape } = context.type;
    const attrs = convolution(context, shape, dy!.shape, w!.shape, dy!.dtype);
    return tf.device.execute('Conv2DBackpropInput', attrs, [tf.vector(shape), w!, dy!], dy!.dtype);
  }),
  conv2d_weight_grad: contraction((tf, [x, dy], context) => {
    const { shape } = context.type;
    const attrs = convolution(context, x!.shape, dy!.shape, shape, x!.dtype);
    const [, rows, columns] = dy!.shape as [number, number, number];
    return sumOverBatch(tf, [x!, dy!], rows * columns, ([image, result]) =>
      tf.device.execute('Conv2DBackpropFilter', attrs, [image, tf.vector(shape), result], image.dtype),
    );
  }),
  linear: contraction((tf, [x, w, bias]) => withBias(tf, matmul(tf, x!, w!, 'none'), bias)),
  linear_input_grad: contraction((tf, [dy, w]) => matmul(tf, dy!, w!, 'b')),
  linear_weight_grad: contraction((tf, [x, dy]) => sumOverBatch(tf, [x!, dy!], 1, ([a, b]) => matmul(tf, a, b, 'a'))),
  sum_to_channel: wide((tf, [x]) => sumToChannel(tf, x!)),
};
