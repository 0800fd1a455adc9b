import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { attr, wide } from './kernel.js';
import { meanOfRow, sumToChannel } from './sums.js';

/** One of the two statistics, [positions, 1]. */
function statistic(tf: Calls, statistics: Tensor, which: 'mean' | 'inverse'): Tensor {
  const positions = statistics.shape.slice(0, -1);
  return tf.slice(statistics, [...positions.map(() => 0), which === 'mean' ? 0 : 1], [...positions, 1]);
}

function normalized(tf: Calls, x: Tensor, statistics: Tensor): Tensor {
  return tf.mul(tf.sub(x, statistic(tf, statistics, 'mean')), statistic(tf, statistics, 'inverse'));
}

const layerNormStatistics = wide((tf, [x], context) => {
  const mean = meanOfRow(tf, x!);
  const variance = meanOfRow(tf, tf.binary('SquaredDifference', x!, mean));
  return tf.concat([mean, tf.unary('Rsqrt', tf.add(variance, attr(context, 'eps')))], mean.shape.length - 1);
});

const layerNormInputGrad = wide((tf, [dy, x, statistics, weight]) => {
  const z = normalized(tf, x!, statistics!);
  const g = tf.mul(dy!, weight!);
  const slope = tf.mul(z, meanOfRow(tf, tf.mul(g, z)));
  return tf.mul(tf.sub(tf.sub(g, meanOfRow(tf, g)), slope), statistic(tf, statistics!, 'inverse'));
});

export const layerNormKernels = {
  layer_norm_statistics: layerNormStatistics,
  layer_norm: wide((tf, [x, statistics, weight, bias]) => tf.add(tf.mul(normalized(tf, x!, statistics!), weight!), bias!)),
  layer_norm_weight_grad: wide((tf, [x, dy, statistics]) => sumToChannel(tf, tf.mul(dy!, normalized(tf, x!, statistics!)))),
  layer_norm_input_grad: layerNormInputGrad,
};
