import { axesSizes } from '../../ops/reductions.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES, F64 } from './device.js';
import { asNumber, exact, type KernelContext, wide } from './kernel.js';

/** The tensor as [elements before the node's axes, along them, behind them], by its shape. */
function alongAxes(tf: Calls, x: Tensor, { node }: KernelContext): Tensor {
  const { outer, length, inner } = axesSizes(x.shape, node.attrs);
  return tf.reshape(x, [outer, length, inner]);
}

/** What was reduced along the node's axes of a tensor of that shape, where it broadcasts over them. */
function reducedAlong(tf: Calls, y: Tensor, shape: readonly number[], { node }: KernelContext): Tensor {
  const { outer, inner } = axesSizes(shape, node.attrs);
  return tf.reshape(y, [outer, 1, inner]);
}

/** Sum along the axes, in double precision, by `divisor`. */
function sumOf(tf: Calls, x: Tensor, context: KernelContext, divisor = 1): Tensor {
  const sum = tf.reduce('Sum', tf.cast(alongAxes(tf, x, context), F64), [1]);
  return tf.reshape(tf.cast(divisor === 1 ? sum : tf.div(sum, divisor), CODES.f32), context.type.shape);
}

const lengthOf = ({ node }: KernelContext, shape: readonly number[]) => axesSizes(shape, node.attrs).length;

/** A share of dy at every place along the axes of the result. */
function spread(tf: Calls, dy: Tensor, context: KernelContext): Tensor {
  const { shape } = context.type;
  const { outer, length, inner } = axesSizes(shape, context.node.attrs);
  const shared = tf.div(dy, length);
  return tf.reshape(tf.mul(reducedAlong(tf, shared, shape, context), tf.filled(1, dy.dtype, [outer, length, inner])), shape);
}

const maxTies = wide((tf, [x, y], context) => {
  const equal = tf.compare('Equal', alongAxes(tf, x!, context), reducedAlong(tf, y!, x!.shape, context));
  return tf.reshape(tf.reduce('Sum', asNumber(tf, equal), [1]), context.type.shape);
});

const maxGrad = wide((tf, [dy, x, y, ties], context) => {
  const along = (value: Tensor) => reducedAlong(tf, value, x!.shape, context);
  const equal = tf.compare('Equal', alongAxes(tf, x!, context), along(y!));
  return tf.reshape(tf.select(equal, along(tf.div(dy!, ties!)), 0), context.type.shape);
});

export const reductionKernels = {
  sum: wide((tf, [x], context) => sumOf(tf, x!, context)),
  mean: wide((tf, [x], context) => sumOf(tf, x!, context, lengthOf(context, x!.shape))),
  mean_grad: wide((tf, [dy], context) => spread(tf, dy!, context)),
  max: exact((tf, [x], context) => tf.reshape(tf.reduce('Max', alongAxes(tf, x!, context), [1]), context.type.shape)),
  max_ties: maxTies,
  max_grad: maxGrad,
};
