import { elementCount } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import { type Calls, type as typeAttr } from './calls.js';
import { CODES } from './device.js';
import { asNumber, attr, type KernelContext, keepWhere, wide } from './kernel.js';
import { meanOfAll } from './sums.js';

function classes(x: Tensor): number {
  return x.shape[1]!;
}

/** [rows, 1]: false for the rows of -1 that fill up a batch. */
function isLabelled(tf: Calls, label: Tensor): Tensor {
  return tf.reshape(tf.compare('GreaterEqual', label, 0), [label.shape[0]!, 1]);
}

/** Loss [rows] and its gradient [rows, classes] by the logits, before the mean; rows without a label are not masked yet. */
function rowLosses(tf: Calls, logits: Tensor, label: Tensor, context: KernelContext): readonly [Tensor, Tensor] {
  const smoothing = attr(context, 'label_smoothing');
  const f32 = CODES.f32;
  if (smoothing === 0) {
    const attrs = [typeAttr('T', f32), typeAttr('Tlabels', label.dtype)];
    const operands = [logits, tf.binary('Maximum', label, 0)];
    return tf.device.executeMany('SparseSoftmaxCrossEntropyWithLogits', attrs, operands, [f32, f32]) as [Tensor, Tensor];
  }
  const others = smoothing / classes(logits);
  const target = tf.oneHot(label, classes(logits), 1 - smoothing + others, others);
  return tf.device.executeMany('SoftmaxCrossEntropyWithLogits', [typeAttr('T', f32)], [logits, target], [f32, f32]) as [Tensor, Tensor];
}

const crossEntropy = wide((tf, [logits, label], context) => {
  const [losses] = rowLosses(tf, logits!, label!, context);
  return meanOfAll(tf, keepWhere(tf, tf.compare('GreaterEqual', label!, 0), losses), label!.shape[0]!);
});

const crossEntropyGrad = wide((tf, [logits, label, dloss], context) => {
  const [, gradient] = rowLosses(tf, logits!, label!, context);
  return tf.select(isLabelled(tf, label!), tf.mul(gradient, tf.div(dloss!, label!.shape[0]!)), 0);
});

/** x - onehot(label), 0 in rows without a label. */
function difference(tf: Calls, x: Tensor, label: Tensor): Tensor {
  return tf.select(isLabelled(tf, label), tf.sub(x, tf.oneHot(label, classes(x), 1, 0)), 0);
}

/** -1 at the label, 1 elsewhere: times the logits, how each counts against the row. */
function againstRow(tf: Calls, x: Tensor, label: Tensor): Tensor {
  return tf.oneHot(label, classes(x), -1, 1);
}

const binaryCrossEntropy = wide((tf, [x, label]) => {
  const away = tf.mul(x!, againstRow(tf, x!, label!));
  const rest = tf.unary('Log1p', tf.unary('Exp', tf.unary('Neg', tf.unary('Abs', away))));
  const losses = tf.select(isLabelled(tf, label!), tf.add(tf.binary('Maximum', away, 0), rest), 0);
  return meanOfAll(tf, losses, elementCount(x!.shape));
});

const binaryCrossEntropyGrad = wide((tf, [x, label, dloss]) => {
  const signs = againstRow(tf, x!, label!);
  const slopes = tf.mul(tf.unary('Sigmoid', tf.mul(x!, signs)), signs);
  return tf.select(isLabelled(tf, label!), tf.mul(slopes, tf.div(dloss!, elementCount(x!.shape))), 0);
});

/** A row is correct when every logit before its label's is less, and every later one no greater; a NaN anywhere is neither. */
const correctCount = wide((tf, [logits, label]) => {
  const [rows, depth] = logits!.shape as [number, number];
  const ranks = tf.device.constant(`ranks ${depth}`, () =>
    tf.device.upload(
      [1, depth],
      CODES.f32,
      Float32Array.from({ length: depth }, (_, k) => k),
    ),
  );
  const own = tf.compare('Greater', tf.oneHot(label!, depth, 1, 0), 0);
  const mine = tf.reduce('Sum', tf.select(own, logits!, 0), [1], true);
  const before = tf.compare('Less', ranks, tf.reshape(tf.cast(label!, CODES.f32), [rows, 1]));
  const less = tf.compare('Less', logits!, mine);
  const atMost = tf.compare('LessEqual', logits!, mine);
  const wins = tf.logical('LogicalAnd', atMost, tf.logical('LogicalOr', less, tf.not(before)));
  const correct = tf.logical('LogicalAnd', tf.all(wins, [1]), tf.compare('GreaterEqual', label!, 0));
  return tf.cast(tf.reduce('Sum', asNumber(tf, correct), [0]), CODES.i32);
});

export const rowKernels = {
  softmax: wide((tf, [x]) => tf.unary('Softmax', x!)),
  log_softmax: wide((tf, [x]) => tf.unary('LogSoftmax', x!)),
  softmax_grad: wide((tf, [dy, y]) => tf.mul(y!, tf.sub(dy!, tf.reduce('Sum', tf.mul(dy!, y!), [y!.shape.length - 1], true)))),
  log_softmax_grad: wide((tf, [dy, y]) => tf.sub(dy!, tf.mul(tf.unary('Exp', y!), tf.reduce('Sum', dy!, [y!.shape.length - 1], true)))),
  cross_entropy: crossEntropy,
  cross_entropy_grad: crossEntropyGrad,
  mse: wide((tf, [x, label]) => meanOfAll(tf, tf.unary('Square', difference(tf, x!, label!)), elementCount(x!.shape))),
  mse_grad: wide((tf, [x, label, dloss]) => tf.mul(difference(tf, x!, label!), tf.div(tf.mul(dloss!, 2), elementCount(x!.shape)))),
  binary_cross_entropy: binaryCrossEntropy,
  binary_cross_entropy_grad: binaryCrossEntropyGrad,
  correct_count: correctCount,
};
