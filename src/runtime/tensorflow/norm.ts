import { elementCount, numbersAttr } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES } from './device.js';
import { asMatrix, attr, type Kernel, type KernelContext, wide } from './kernel.js';
import { flag, float, text, type } from './op-attributes.js';
import { meanOfChannel, sumToChannel } from './sums.js';

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

const spelledOut = wide((tf, [x, mean, variance, weight, bias], context) => {
  const factor = tf.mul(weight!, inverseDeviation(tf, variance!, context));
  return tf.add(tf.mul(tf.sub(x!, mean!), factor), bias!);
});

/** The least epsilon of cuDNN. */
const LEAST_EPSILON = 1e-5;

/**
 * TensorFlow's fused operation, told to take the statistics as they are: it reads a half image, works in f32 and rounds once. Its training
 * form is not used: it makes statistics of its own (an unbiased variance), and what it keeps for its gradient differs between devices.
 */
const batchNorm: Kernel = (context) => {
  const { tf, types, type: result, inputs } = context;
  const [image, ...others] = types;
  const epsilon = attr(context, 'eps');
  const fits = image!.dtype === result.dtype && others.every(({ dtype }) => dtype === 'f32') && epsilon >= LEAST_EPSILON;
  if (!fits) return spelledOut(context);
  const [x, mean, variance, weight, bias] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const image4 = x.shape.length === 4 ? x : tf.reshape(x, [1, 1, ...asMatrix(tf, x).shape]);
  const attrs = [
    type('T', x.dtype),
    type('U', CODES.f32),
    float('epsilon', epsilon),
    float('exponential_avg_factor', 1),
    text('data_format', 'NHWC'),
    flag('is_training', false),
  ];
  const dtypes = [x.dtype, ...new Array<number>(5).fill(CODES.f32)];
  const [y] = tf.device.executeMany('FusedBatchNormV3', attrs, [image4, weight, bias, mean, variance], dtypes);
  return tf.reshape(y!, result.shape);
};

const batchNormWeightGrad = wide((tf, [x, dy, mean, variance], context) => {
  const product = tf.mul(dy!, tf.sub(x!, mean!));
  return tf.mul(sumToChannel(tf, product), inverseDeviation(tf, variance!, context));
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
  channel_mean: wide((tf, [x]) => meanOfChannel(tf, x!)),
  channel_variance: wide((tf, [x, mean]) => meanOfChannel(tf, tf.binary('SquaredDifference', x!, mean!))),
  batch_norm: batchNorm,
  batch_norm_weight_grad: batchNormWeightGrad,
  batch_norm_input_grad: batchNormInputGrad,
  running_update: runningUpdate,
};
