import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES } from './device.js';
import { wide } from './kernel.js';

/** Softmax over the columns up to each row's place in its matrix. */
function causalSoftmax(tf: Calls, x: Tensor): Tensor {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const counts = tf.device.constant(`causal ${rows},${columns}`, () => {
    const lower = Uint8Array.from({ length: rows * columns }, (_, i) => (i % columns <= Math.floor(i / columns) ? 1 : 0));
    return tf.device.upload([rows, columns], CODES.bool, lower);
  });
  return tf.unary('Softmax', tf.select(counts, x, -Infinity));
}

export const rowKernels = {
  softmax: wide((tf, [x], { node }) => (node.attrs.causal === true ? causalSoftmax(tf, x!) : tf.unary('Softmax', x!))),
  log_softmax: wide((tf, [x]) => tf.unary('LogSoftmax', x!)),
  softmax_grad: wide((tf, [dy, y]) => tf.mul(y!, tf.sub(dy!, tf.reduce('Sum', tf.mul(dy!, y!), [y!.shape.length - 1], true)))),
  log_softmax_grad: wide((tf, [dy, y]) => tf.sub(dy!, tf.mul(tf.unary('Exp', y!), tf.reduce('Sum', dy!, [y!.shape.length - 1], true)))),
};
