import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES } from './device.js';
import { attr, type KernelContext, wide } from './kernel.js';
import { meanOfRow, sumToChannel } from './sums.js';

/** One of the two statistics, [positions, 1]. */
function statistic(tf: Calls, statistics: Tensor, which: 'mean' | 'inverse'): Tensor {
  const positions = statistics.shape.slice(0, -1);
  return tf.slice(statistics, [...positions.map(() => 0), which === 'mean' ? 0 : 1], [...positions, 1]);
}

function normalized(tf: Calls, x: Tensor, statistics: Tensor): Tensor {
  return tf.mul(tf.sub(x, statistic(tf, statistics, 'mean')), statistic(tf, statistics, 'inverse'));
}

const isCentered = ({ node }: KernelContext) => node.attrs.center !== false;

const layerNormStatistics = wide((tf, [x], context) => {
  const mean = isCentered(context) ? meanOfRow(tf, x!) : tf.zeros([...x!.shape.slice(0, -1), 1], CODES.f32);
  const variance = meanOfRow(tf, isCentered(context) ? tf.binary('SquaredDifference', x!, mean) : tf.unary('Square', x!));
  return tf.concat([mean, tf.unary('Rsqrt', tf.add(variance, attr(context, 'eps')))], mean.shape.length - 1);
});

const layerNormInputGrad = wide((tf, [dy, x, statistics, weight], context) => {
  const z = normalized(tf, x!, statistics!);
  const g = tf.mul(dy!, weight!);
  const slope = tf.mul(z, meanOfRow(tf, tf.mul(g, z)));
  return tf.mul(tf.sub(isCentered(context) ? tf.sub(g, meanOfRow(tf, g)) : g, slope), statistic(tf, statistics!, 'inverse'));
});

export const layerNormKernels = {
  layer_norm_statistics: layerNormStatistics,
  layer_norm: wide((tf, [x, statistics, weight, bias]) => tf.add(tf.mul(normalized(tf, x!, statistics!), weight!), bias!)),
  layer_norm_weight_grad: wide((tf, [x, dy, statistics]) => sumToChannel(tf, tf.mul(dy!, normalized(tf, x!, statistics!)))),
  layer_norm_input_grad: layerNormInputGrad,
};
