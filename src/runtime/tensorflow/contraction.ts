import { elementCount, type Shape } from '../../ir/types.js';
import { type ContractionGeometry, FACTORS, operandOf } from '../../ops/contraction-geometry.js';
import { contractionGeometry, type OpOfKind } from '../../ops/index.js';
import type { OpAttr, Tensor } from './binding.js';
import { type Calls, flag, ints, text, type } from './calls.js';
import { CODES } from './device.js';
import { asMatrix, type Kernel, wide } from './kernel.js';
import { areEqual, convolutionWithBias, madeElements } from './onednn.js';
import { sumOverBatch, sumToChannel } from './sums.js';

/** Attributes of TensorFlow's convolutions. */
function convolution({ image, positions, window, stride, dilation, padding }: ContractionGeometry, dtype: number): OpAttr[] {
  const same = [0, 1].every((axis) => {
    const total = Math.max(0, (positions[axis]! - 1) * stride[axis]! + window[axis]! - image[axis]!);
    const covers = positions[axis] === Math.ceil(image[axis]! / stride[axis]!);
    return covers && padding[2 * axis] === Math.floor(total / 2) && padding[2 * axis + 1] === Math.ceil(total / 2);
  });
  const steps = [ints('strides', [1, ...stride, 1]), ints('dilations', [1, ...dilation, 1])];
  const attrs = [type('T', dtype), ...steps, text('data_format', 'NHWC')];
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

interface Operands {
  /** The two factors, as `FACTORS` names them. */
  readonly a: Tensor;
  readonly b: Tensor;
  readonly bias: Tensor | undefined;
  /** Shape of the result. */
  readonly shape: Shape;
}

type Compute = (tf: Calls, geometry: ContractionGeometry, operands: Operands) => Tensor;

const convolutions: Readonly<Record<ContractionGeometry['computes'], Compute>> = {
  y: (tf, geometry, { a: x, b: w, bias }) => {
    const attrs = convolution(geometry, x.dtype);
    if (bias !== undefined && x.dtype === CODES.f32 && addsBias(tf, attrs, x, w)) return convolutionWithBias(tf, attrs, [x, w, bias]);
    return withBias(tf, tf.device.execute('Conv2D', attrs, [x, w], x.dtype), bias);
  },
  x: (tf, geometry, { a: dy, b: w, bias, shape }) =>
    withBias(tf, tf.device.execute('Conv2DBackpropInput', convolution(geometry, dy.dtype), [tf.vector(shape), w, dy], dy.dtype), bias),
  w: (tf, geometry, { a: x, b: dy, shape }) => {
    const attrs = convolution(geometry, x.dtype);
    return sumOverBatch(tf, [x, dy], elementCount(geometry.positions), ([image, result]) =>
      tf.device.execute('Conv2DBackpropFilter', attrs, [image, tf.vector(shape), result], image.dtype),
    );
  },
};

const products: Readonly<Record<ContractionGeometry['computes'], Compute>> = {
  y: (tf, _geometry, { a, b, bias, shape }) => tf.reshape(withBias(tf, matmul(tf, asMatrix(tf, a), b, 'none'), bias), shape),
  x: (tf, _geometry, { a, b, shape }) => tf.reshape(matmul(tf, asMatrix(tf, a), b, 'b'), shape),
  w: (tf, _geometry, { a, b }) => sumOverBatch(tf, [asMatrix(tf, a), asMatrix(tf, b)], 1, ([x, dy]) => matmul(tf, x, dy, 'a')),
};

/**
 * A contraction: on half operands in TensorFlow's half kernel where the device has good ones and the result is half too, else on operands
 * widened to f32, so that an f32 result is never rounded to half on its way.
 */
const contraction: Kernel = (context) => {
  const { nativeHalf, node, tf, type: result, types, inputs } = context;
  const geometry = contractionGeometry(node, types);
  const compute = (given: readonly Tensor[]) => {
    const [a, b] = FACTORS[geometry.computes].map((name) => operandOf(geometry, given, name)!) as [Tensor, Tensor];
    const bias = operandOf(geometry, given, 'bias');
    return (geometry.spatial === 0 ? products : convolutions)[geometry.computes](tf, geometry, { a, b, bias, shape: result.shape });
  };
  const [a, b] = types;
  if (!nativeHalf || a!.dtype !== result.dtype || b!.dtype !== result.dtype) return wide((_tf, widened) => compute(widened))(context);
  return compute([inputs[0]!, inputs[1]!, ...inputs.slice(2).map((bias) => tf.to(bias, a!.dtype as 'f16'))]);
};

export const contractionKernels = {
  conv2d: contraction,
  conv2d_input_grad: contraction,
  conv2d_weight_grad: contraction,
  conv_transpose2d: contraction,
  linear: contraction,
  linear_input_grad: contraction,
  linear_weight_grad: contraction,
  matmul: contraction,
  sum_to_channel: wide((tf, [x]) => sumToChannel(tf, x!)),
} satisfies Readonly<Record<OpOfKind<'contraction'> | 'sum_to_channel', Kernel>>;
