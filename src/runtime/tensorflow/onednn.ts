import { elementCount, type Shape } from '../../ir/types.js';
import type { OpAttr, Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES } from './device.js';
import { flag, ints, text, type } from './op-attributes.js';

/**
 * Kernels of oneDNN for processors that TensorFlow's rewrites of graphs call by internal names. Nothing promises that they are there, or
 * what they compute: each is used after a trial, on made elements of the shape at hand, gave exactly what the public operations give.
 */
const LABEL = text('_kernel', 'MklNameChangeOp');

/** Windows over an image [batch, height, width, channels] that all lie inside it. */
export interface Windows {
  readonly window: readonly number[];
  readonly stride: readonly number[];
  readonly image: Shape;
  readonly result: Shape;
}

function poolAttrs({ window, stride }: Windows): OpAttr[] {
  const sizes = [ints('ksize', [1, ...window, 1]), ints('strides', [1, ...stride, 1])];
  return [type('T', CODES.f32), ...sizes, text('padding', 'VALID'), text('data_format', 'NHWC'), flag('workspace_enabled', true), LABEL];
}

/**
 * Maximum of each window and its first position, row by row, as u8. Passes over a NaN, and takes no element below the least finite number.
 */
export function maxPool(tf: Calls, x: Tensor, windows: Windows): readonly [Tensor, Tensor] {
  const [max, workspace] = tf.device.executeMany('_MklNativeMaxPool', poolAttrs(windows), [x], [CODES.f32, CODES.u8]);
  return [max!, tf.reshape(workspace!, windows.result)];
}

/** Adds each dy to the element that its index names. */
export function maxPoolGrad(tf: Calls, dy: Tensor, index: Tensor, windows: Windows): Tensor {
  // Of the image and its maxima only the shapes are read.
  const shapeOnly = tf.device.execute('Empty', [type('dtype', CODES.f32), flag('init', false)], [tf.vector(windows.image)], CODES.f32);
  const operands = [shapeOnly, dy, dy, tf.reshape(index, [elementCount(dy.shape)])];
  return tf.device.execute('_MklNativeMaxPoolGrad', poolAttrs(windows), operands, CODES.f32);
}

/** A convolution in f32 and its bias; `attrs` are those of Conv2D. */
export function convolutionWithBias(tf: Calls, attrs: readonly OpAttr[], operands: readonly [Tensor, Tensor, Tensor]): Tensor {
  return tf.device.execute('_MklNativeConv2DWithBias', [...attrs, LABEL], operands, CODES.f32);
}

/** Whether no element of an f32 tensor is a NaN or infinite, read from the device. False as well where the squares overflow. */
export function isSurelyFinite(tf: Calls, x: Tensor): boolean {
  const sum = tf.device.tidy(() => tf.unary('L2Loss', x));
  try {
    return Number.isFinite(tf.device.download(sum)[0]);
  } finally {
    tf.device.release(sum);
  }
}

/** Halves between -1.5 and 1.5 in no order: many are equal, and sums of their products are exact. */
export function madeElements(tf: Calls, shape: Shape, other: readonly number[] = []): Tensor {
  const elements = Float32Array.from({ length: elementCount(shape) }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 30) - 1.5);
  elements.set(other.slice(0, elements.length));
  return tf.device.upload(shape, CODES.f32, elements);
}

/** Whether all elements are equal, read from the device. Throws when the shapes differ. */
export function areEqual(tf: Calls, pairs: readonly (readonly [Tensor, Tensor])[]): boolean {
  return pairs.every(([a, b]) => tf.device.download(tf.all(tf.compare('Equal', a, b)))[0] !== 0);
}
