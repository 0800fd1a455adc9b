import { wide } from './kernel.js';

export const rowKernels = {
  softmax: wide((tf, [x]) => tf.unary('Softmax', x!)),
  log_softmax: wide((tf, [x]) => tf.unary('LogSoftmax', x!)),
  softmax_grad: wide((tf, [dy, y]) => tf.mul(y!, tf.sub(dy!, tf.reduce('Sum', tf.mul(dy!, y!), [y!.shape.length - 1], true)))),
  log_softmax_grad: wide((tf, [dy, y]) => tf.sub(dy!, tf.mul(tf.unary('Exp', y!), tf.reduce('Sum', dy!, [y!.shape.length - 1], true)))),
};
