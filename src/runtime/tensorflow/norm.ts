import { elementCount, numbersAttr } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES } from './device.js';
import { asMatrix, attr, type Kernel, type KernelContext, wide } from './kernel.js';

const normalize: Kernel = ({ tf, node, inputs: [image] }) => {
  const deviations = numbersAttr(node.attrs, 'std');
  const factors = deviations.map((std) => 1 / (255 * std));
  const offsets = numbersAttr(node.attrs, 'mean').map((mean, c) => mean / deviations[c]!);
  return tf.sub(tf.mul(tf.cast(image!, CODES.f32), tf.perChannel(factors)), tf.perChannel(offsets));
};

/** 1 / sqrt(variance + eps) */
function inverseDeviation(tf: Calls, variance: Tensor, context: KernelContext): Tensor {
  return tf.unary('Rsqrt', tf.add(variance, attr(context, 'eps')));
}

const batchNorm = wide((tf, [x, mean, variance, weight, bias], context) => {
  const factor = tf.mul(weight!, inverseDeviation(tf, variance!, context));
  return tf.add(tf.mul(tf.sub(x!, mean!), factor), bias!);
});

const batchNormWeightGrad = wide((tf, [x, dy, mean, variance], context) => {
  const product = tf.mul(dy!, tf.sub(x!, mean!));
  return tf.mul(tf.reduce('Sum', asMatrix(tf, product), [0]), inverseDeviation(tf, variance!, context));
});

const batchNormInputGrad = wide((tf, [dy, x, mean, variance, weight, dweight, dbias], context) => {
  const rows = elementCount(x!.shape) / x!.shape[x!.shape.length - 1]!;
  const inverse = inverseDeviation(tf, variance!, context);
  const spread = tf.mul(tf.sub(x!, mean!), tf.div(tf.mul(inverse, dweight!), rows));
  return tf.mul(tf.sub(tf.sub(dy!, tf.div(dbias!, rows)), spread), tf.mul(weight!, inverse));
});

const runningUpdate = wide((tf, [running, batch, ok], context) => {
  const momentum = attr(context, 'momentum');
  const mixed = tf.add(tf.mul(running!, 1 - momentum), tf.mul(batch!, momentum * attr(context, 'correction')));
  const next = ok === undefined ? mixed : tf.choose(ok, mixed, running!);
  context.write(0, next);
  return next;
});

export const normKernels = {
  normalize,
  channel_mean: wide((tf, [x]) => tf.reduce('Mean', asMatrix(tf, x!), [0])),
  channel_variance: wide((tf, [x, mean]) => tf.reduce('Mean', asMatrix(tf, tf.binary('SquaredDifference', x!, mean!)), [0])),
  batch_norm: batchNorm,
  batch_norm_weight_grad: batchNormWeightGrad,
  batch_norm_input_grad: batchNormInputGrad,
  running_update: runningUpdate,
};
