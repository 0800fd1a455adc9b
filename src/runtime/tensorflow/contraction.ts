import { elementCount, type Shape, sameShape } from '../../ir/types.js';
import { type ContractionGeometry, FACTORS, operandOf } from '../../ops/contraction-geometry.js';
import { contractionGeometry, type OpOfKind } from '../../ops/index.js';
import type { OpAttr, Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES } from './device.js';
import { asMatrix, type Kernel, wide } from './kernel.js';
import { areEqual, convolutionWithBias, madeElements } from './onednn.js';
import { flag, ints, text, type } from './op-attributes.js';
import { sumOverBatch, sumToChannel } from './sums.js';
import { everyTap, spreadTaps } from './taps.js';

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

/** What TensorFlow calls a convolution of ours: of all groups at once, or of each channel by itself. */
const OPERATIONS = {
  plain: { y: 'Conv2D', x: 'Conv2DBackpropInput', w: 'Conv2DBackpropFilter' },
  depthwise: {
    y: 'DepthwiseConv2dNative',
    x: 'DepthwiseConv2dNativeBackpropInput',
    w: 'DepthwiseConv2dNativeBackpropFilter',
  },
} as const;

/** One convolution of the geometry's groups together, without a bias: one group, or one for each channel of the image. */
function convolve(tf: Calls, geometry: ContractionGeometry, { a, b, shape }: Omit<Operands, 'bias'>): Tensor {
  const { computes, groups, outputs, window } = geometry;
  const isDepthwise = groups > 1;
  const operation = OPERATIONS[isDepthwise ? 'depthwise' : 'plain'][computes];
  const attrs = convolution(geometry, a.dtype);
  /** TensorFlow's weight of a depthwise convolution is [rows, columns, channels, multiplier]: the same elements. */
  const weight = isDepthwise ? [...window, groups, outputs] : undefined;
  const asWeight = (w: Tensor) => (weight === undefined ? w : tf.reshape(w, weight));
  switch (computes) {
    case 'y':
      return tf.device.execute(operation, attrs, [a, asWeight(b)], a.dtype);
    case 'x':
      return tf.device.execute(operation, attrs, [tf.vector(shape), asWeight(b), a], a.dtype);
    case 'w':
      return sumOverBatch(tf, [a, b], elementCount(geometry.positions), ([x, dy]) =>
        tf.reshape(tf.device.execute(operation, attrs, [x, tf.vector(weight ?? shape), dy], x.dtype), shape),
      );
  }
}

/** Whether TensorFlow's kernels know the steps of a convolution; those of a processor's gradients, and of all depthwise ones, know few. */
function knowsSteps(tf: Calls, { computes, groups, inputs, stride, dilation }: ContractionGeometry): boolean {
  const isDense = sameShape(dilation, [1, 1]);
  if (groups > 1 && inputs === 1) return isDense && stride[0] === stride[1];
  return isDense || computes === 'y' || tf.device.onGpu;
}

/**
 * A convolution of one group, or of one for each channel; a dilated window that TensorFlow does not know is one with zeros between its
 * taps.
 */
function ofOneKind(tf: Calls, geometry: ContractionGeometry, operands: Omit<Operands, 'bias'>): Tensor {
  if (knowsSteps(tf, geometry)) return convolve(tf, geometry, operands);
  const { computes, dilation, window } = geometry;
  const spread = window.map((size, axis) => (size - 1) * dilation[axis]! + 1) as [number, number];
  const dense: ContractionGeometry = { ...geometry, window: spread, dilation: [1, 1] };
  if (computes !== 'w') return convolve(tf, dense, { ...operands, b: spreadTaps(tf, operands.b, dilation) });
  const whole = convolve(tf, dense, { ...operands, shape: [...spread, ...operands.shape.slice(2)] });
  return everyTap(tf, whole, window, dilation);
}

/** A convolution whose groups TensorFlow has no kernel for is one for each group. */
function byGroups(tf: Calls, geometry: ContractionGeometry, operands: Omit<Operands, 'bias'>): Tensor {
  const { computes, groups, inputs, outputs, stride } = geometry;
  const isDepthwise = inputs === 1 && stride[0] === stride[1];
  if (groups === 1 || isDepthwise) return ofOneKind(tf, geometry, operands);
  const channels = { x: inputs, y: outputs, w: outputs };
  const part = (tensor: Tensor, of: 'x' | 'w' | 'y', group: number) => {
    const size = [...tensor.shape.slice(0, -1), channels[of]];
    return tf.slice(tensor, [0, 0, 0, group * channels[of]], size);
  };
  const [first, second] = FACTORS[computes];
  const shape = [...operands.shape.slice(0, -1), channels[computes]];
  const parts = Array.from({ length: groups }, (_, group) =>
    ofOneKind(tf, { ...geometry, groups: 1 }, { a: part(operands.a, first, group), b: part(operands.b, second, group), shape }),
  );
  return tf.concat(parts, 3);
}

const convolutionKernel: Compute = (tf, geometry, { bias, ...operands }) => {
  const { a: x, b: w } = operands;
  if (geometry.computes === 'y' && geometry.groups === 1 && bias !== undefined && x.dtype === CODES.f32) {
    const attrs = convolution(geometry, x.dtype);
    if (addsBias(tf, attrs, x, w)) return convolutionWithBias(tf, attrs, [x, w, bias]);
  }
  return withBias(tf, byGroups(tf, geometry, operands), bias);
};

const products: Readonly<Record<ContractionGeometry['computes'], Compute>> = {
  y: (tf, _geometry, { a, b, bias, shape }) => tf.reshape(withBias(tf, matmul(tf, asMatrix(tf, a), b, 'none'), bias), shape),
  x: (tf, _geometry, { a, b, shape }) => tf.reshape(matmul(tf, asMatrix(tf, a), b, 'b'), shape),
  w: (tf, _geometry, { a, b }) => sumOverBatch(tf, [asMatrix(tf, a), asMatrix(tf, b)], 1, ([x, dy]) => matmul(tf, x, dy, 'a')),
};

/** One product of matrices for each element of the batch axes. */
const batchedProduct: Compute = (tf, { computes }, { a, b }) => {
  const attrs = [type('T', a.dtype), flag('adj_x', computes === 'w'), flag('adj_y', computes === 'x')];
  return tf.device.execute('BatchMatMulV2', attrs, [a, b], a.dtype);
};

function computeOf({ spatial, batch, computes }: ContractionGeometry): Compute {
  if (spatial === 2) return convolutionKernel;
  return batch.length > 0 ? batchedProduct : products[computes];
}

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
    return computeOf(geometry)(tf, geometry, { a, b, bias, shape: result.shape });
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
