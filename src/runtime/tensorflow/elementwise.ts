import { elementCount } from '../../ir/types.js';
import { SMALLEST_F32 } from '../../numeric/single.js';
import { threefry2x32, uniform01 } from '../../random/threefry.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES, F64 } from './device.js';
import { attr, exact, type Kernel, type KernelContext, keepWhere, wide } from './kernel.js';

/** Distribution function of the standard normal; of the complement, since far below 0 a sum of -1 and 1 would cancel. */
function normal(tf: Calls, x: Tensor): Tensor {
  return tf.mul(tf.unary('Erfc', tf.mul(x, -Math.SQRT1_2)), 0.5);
}

function normalDensity(tf: Calls, x: Tensor): Tensor {
  return tf.mul(tf.unary('Exp', tf.mul(tf.unary('Square', x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
}

const siluGrad = wide((tf, [dy, x]) => {
  const s = tf.unary('Sigmoid', x!);
  return tf.mul(tf.mul(dy!, s), tf.add(tf.mul(x!, tf.sub(1, s)), 1));
});

/** A gradient that passes dy where `inside` holds. Multiplying by a mask would make a NaN of a masked infinity. */
function gated(inside: (tf: Calls, y: Tensor) => Tensor): Kernel {
  return (context) => {
    const {
      tf,
      inputs: [dy, y],
    } = context;
    return keepWhere(tf, inside(tf, y!), dy!);
  };
}

/** 1 where an element is kept, for `count` elements: the generator's words in order, two of each call. */
function keptElements(count: number, seed: number, salt: number, step: number, rate: number): Uint8Array {
  const kept = new Uint8Array(count);
  const threshold = Math.fround(rate);
  for (let i = 0; i < count; i += 2) {
    const [first, second] = threefry2x32(seed, salt, i >>> 1, step);
    kept[i] = uniform01(first) >= threshold ? 1 : 0;
    if (i + 1 < count) kept[i + 1] = uniform01(second) >= threshold ? 1 : 0;
  }
  return kept;
}

/** The mask is drawn on the host: a hundred integer operations of TensorFlow would cost more than its bytes. */
const dropout = wide((tf, [x], context) => {
  const rate = attr(context, 'rate');
  const { shape } = context.type;
  const kept = keptElements(elementCount(shape), attr(context, 'seed'), attr(context, 'salt'), context.hostNumber(1), rate);
  return keepWhere(tf, tf.device.upload(shape, CODES.bool, kept), tf.mul(x!, Math.fround(1 / (1 - rate))));
});

function slope(tf: Calls, x: Tensor, value: Tensor, context: KernelContext): Tensor {
  return tf.choose(tf.compare('Greater', x, 0), value, tf.mul(value, attr(context, 'slope')));
}

export const elementwiseKernels = {
  relu: exact((tf, [x]) => tf.unary('Relu', x!)),
  relu_grad: gated((tf, y) => tf.compare('Greater', y, 0)),
  relu6: exact((tf, [x]) => tf.unary('Relu6', x!)),
  relu6_grad: gated((tf, y) => tf.logical('LogicalAnd', tf.compare('Greater', y, 0), tf.compare('Less', y, 6))),
  gelu: wide((tf, [x]) => tf.mul(x!, normal(tf, x!))),
  gelu_grad: wide((tf, [dy, x]) => tf.mul(dy!, tf.add(normal(tf, x!), tf.mul(x!, normalDensity(tf, x!))))),
  silu: wide((tf, [x]) => tf.mul(x!, tf.unary('Sigmoid', x!))),
  silu_grad: siluGrad,
  sigmoid: wide((tf, [x]) => tf.unary('Sigmoid', x!)),
  sigmoid_grad: wide((tf, [dy, y]) => tf.binary('SigmoidGrad', y!, dy!)),
  tanh: wide((tf, [x]) => tf.unary('Tanh', x!)),
  tanh_grad: wide((tf, [dy, y]) => tf.binary('TanhGrad', y!, dy!)),
  leaky_relu: wide((tf, [x], context) => slope(tf, x!, x!, context)),
  leaky_relu_grad: wide((tf, [dy, x], context) => slope(tf, x!, dy!, context)),
  add: exact((tf, [a, b]) => tf.add(a!, b!)),
  sub: exact((tf, [a, b]) => tf.sub(a!, b!)),
  mul: exact((tf, [a, b]) => tf.mul(a!, b!)),
  scale: wide((tf, [x], context) => tf.mul(x!, attr(context, 'factor'))),
  shift: wide((tf, [x], context) => tf.add(x!, attr(context, 'offset'))),
  cast: (({ tf, inputs: [x], type }) => tf.cast(x!, CODES[type.dtype])) as Kernel,
  dropout,
  unscale: wide((tf, [g, scale]) => tf.mul(g!, tf.div(1, scale!))),
  clip_by_norm: wide((tf, [g, norm], context) => {
    // max / norm can be below TensorFlow's least number in f32; its root and what that leaves of it cannot.
    const factor = tf.binary('Minimum', tf.div(attr(context, 'max'), tf.add(tf.cast(norm!, F64), 1e-6)), 1);
    const root = tf.unary('Sqrt', tf.binary('Maximum', factor, SMALLEST_F32));
    return tf.mul(tf.mul(g!, tf.cast(root, CODES.f32)), tf.cast(tf.div(factor, root), CODES.f32));
  }),
};
