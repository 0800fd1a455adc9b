import { elementCount, numberAttr, numbersAttr } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES } from './device.js';
import { asNumber, attr, type KernelContext, keepWhere, wide } from './kernel.js';
import { type as typeAttr } from './op-attributes.js';
import { meanOfAll } from './sums.js';

function classes(x: Tensor): number {
  return x.shape[1]!;
}

/** [rows, 1]: false for the rows of -1 that fill up a batch. */
function isLabelled(tf: Calls, label: Tensor): Tensor {
  return tf.reshape(tf.compare('GreaterEqual', label, 0), [label.shape[0]!, 1]);
}

/** [rows]: false for those that fill up a batch, and for the label that is ignored. */
function counts(tf: Calls, label: Tensor, { node }: KernelContext): Tensor {
  const labelled = tf.compare('GreaterEqual', label, 0);
  return node.attrs.ignore === undefined
    ? labelled
    : tf.logical('LogicalAnd', labelled, tf.not(tf.compare('Equal', label, numberAttr(node.attrs, 'ignore'))));
}

const labelWeight = wide((tf, [logits, label], context) => {
  const { weights } = context.node.attrs;
  const each = tf.perChannel(weights === undefined ? [1] : numbersAttr(context.node.attrs, 'weights'));
  const own = tf.reduce('Sum', tf.mul(tf.oneHot(label!, classes(logits!), 1, 0), each), [1]);
  return meanOfAll(tf, keepWhere(tf, counts(tf, label!, context), own), label!.shape[0]!);
});

/** Loss [rows] and its gradient [rows, classes] by the logits, of what the rows are to be; their targets may add up to anything. */
function byTarget(tf: Calls, logits: Tensor, target: Tensor): readonly [Tensor, Tensor] {
  const loss = tf.unary('Neg', tf.reduce('Sum', tf.mul(target, tf.unary('LogSoftmax', logits)), [1]));
  return [loss, tf.sub(tf.mul(tf.unary('Softmax', logits), tf.reduce('Sum', target, [1], true)), target)];
}

/** Loss [rows] and its gradient [rows, classes] by the logits, before the mean; rows that do not count are not masked yet. */
function rowLosses(tf: Calls, logits: Tensor, label: Tensor, given: Tensor | undefined, context: KernelContext): readonly [Tensor, Tensor] {
  const smoothing = attr(context, 'label_smoothing');
  const { attrs } = context.node;
  const depth = classes(logits);
  if (attrs.weights !== undefined || given !== undefined) {
    const own = given === undefined ? tf.oneHot(label, depth, 1 - smoothing, 0) : tf.mul(given, 1 - smoothing);
    const target = smoothing === 0 ? own : tf.add(own, smoothing / depth);
    return byTarget(tf, logits, attrs.weights === undefined ? target : tf.mul(target, tf.perChannel(numbersAttr(attrs, 'weights'))));
  }
  const f32 = CODES.f32;
  if (smoothing === 0) {
    const types = [typeAttr('T', f32), typeAttr('Tlabels', label.dtype)];
    const operands = [logits, tf.binary('Maximum', label, 0)];
    return tf.device.executeMany('SparseSoftmaxCrossEntropyWithLogits', types, operands, [f32, f32]) as [Tensor, Tensor];
  }
  const others = smoothing / depth;
  const target = tf.oneHot(label, depth, 1 - smoothing + others, others);
  return tf.device.executeMany('SoftmaxCrossEntropyWithLogits', [typeAttr('T', f32)], [logits, target], [f32, f32]) as [Tensor, Tensor];
}

const crossEntropy = wide((tf, [logits, label, target], context) => {
  const [losses] = rowLosses(tf, logits!, label!, target, context);
  return meanOfAll(tf, keepWhere(tf, counts(tf, label!, context), losses), label!.shape[0]!);
});

const crossEntropyGrad = wide((tf, [logits, label, dloss, target], context) => {
  const [, gradient] = rowLosses(tf, logits!, label!, target, context);
  return tf.select(tf.reshape(counts(tf, label!, context), [label!.shape[0]!, 1]), tf.mul(gradient, tf.div(dloss!, label!.shape[0]!)), 0);
});

/** x - target, or x - onehot(label); 0 in rows without a label. */
function difference(tf: Calls, x: Tensor, label: Tensor, target: Tensor | undefined): Tensor {
  return tf.select(isLabelled(tf, label), tf.sub(x, target ?? tf.oneHot(label, classes(x), 1, 0)), 0);
}

/** -1 at the label, 1 elsewhere: times the logits, how each counts against the row. */
function againstRow(tf: Calls, x: Tensor, label: Tensor): Tensor {
  return tf.oneHot(label, classes(x), -1, 1);
}

/** ln(1 + e^x). */
function softplus(tf: Calls, x: Tensor): Tensor {
  const rest = tf.unary('Log1p', tf.unary('Exp', tf.unary('Neg', tf.unary('Abs', x))));
  return tf.add(tf.binary('Maximum', x, 0), rest);
}

/** Of every logit, as it counts for its target and against it. */
function byShares(tf: Calls, x: Tensor, target: Tensor): Tensor {
  const own = tf.mul(target, softplus(tf, tf.unary('Neg', x)));
  return tf.add(own, tf.mul(tf.add(tf.unary('Neg', target), 1), softplus(tf, x)));
}

const binaryCrossEntropy = wide((tf, [x, label, target]) => {
  const each = target === undefined ? softplus(tf, tf.mul(x!, againstRow(tf, x!, label!))) : byShares(tf, x!, target);
  const losses = tf.select(isLabelled(tf, label!), each, 0);
  return meanOfAll(tf, losses, elementCount(x!.shape));
});

const binaryCrossEntropyGrad = wide((tf, [x, label, dloss, target]) => {
  const signs = againstRow(tf, x!, label!);
  const slopes = target === undefined ? tf.mul(tf.unary('Sigmoid', tf.mul(x!, signs)), signs) : tf.sub(tf.unary('Sigmoid', x!), target);
  return tf.select(isLabelled(tf, label!), tf.mul(slopes, tf.div(dloss!, elementCount(x!.shape))), 0);
});

const mse = wide((tf, [x, label, target]) => meanOfAll(tf, tf.unary('Square', difference(tf, x!, label!, target)), elementCount(x!.shape)));

const mseGrad = wide((tf, [x, label, dloss, target]) =>
  tf.mul(difference(tf, x!, label!, target), tf.div(tf.mul(dloss!, 2), elementCount(x!.shape))),
);

const l1 = wide((tf, [x, label, target]) => meanOfAll(tf, tf.unary('Abs', difference(tf, x!, label!, target)), elementCount(x!.shape)));

const l1Grad = wide((tf, [x, label, dloss, target]) =>
  tf.mul(tf.unary('Sign', difference(tf, x!, label!, target)), tf.div(dloss!, elementCount(x!.shape))),
);

const huber = wide((tf, [x, label, target], context) => {
  const distance = tf.unary('Abs', difference(tf, x!, label!, target));
  const square = tf.binary('Minimum', distance, attr(context, 'delta'));
  return meanOfAll(tf, tf.mul(square, tf.sub(distance, tf.mul(square, 0.5))), elementCount(x!.shape));
});

const huberGrad = wide((tf, [x, label, dloss, target], context) => {
  const delta = attr(context, 'delta');
  const slope = tf.binary('Maximum', tf.binary('Minimum', difference(tf, x!, label!, target), delta), -delta);
  return tf.mul(slope, tf.div(dloss!, elementCount(x!.shape)));
});

/** The logits as they count against their rows, and sigmoid of that to the power of gamma. */
function mistakes(tf: Calls, x: Tensor, label: Tensor, context: KernelContext): readonly [Tensor, Tensor] {
  const away = tf.mul(x, againstRow(tf, x, label));
  const power = tf.unary('Exp', tf.mul(softplus(tf, tf.unary('Neg', away)), -attr(context, 'gamma')));
  return [away, power];
}

const focal = wide((tf, [x, label], context) => {
  const alpha = attr(context, 'alpha');
  const [away, power] = mistakes(tf, x!, label!, context);
  const share = tf.oneHot(label!, classes(x!), alpha, 1 - alpha);
  const losses = tf.mul(tf.mul(share, power), softplus(tf, away));
  return meanOfAll(tf, tf.select(isLabelled(tf, label!), losses, 0), elementCount(x!.shape));
});

const focalGrad = wide((tf, [x, label, dloss], context) => {
  const alpha = attr(context, 'alpha');
  const [away, power] = mistakes(tf, x!, label!, context);
  const right = tf.unary('Sigmoid', tf.unary('Neg', away));
  const inner = tf.add(tf.mul(tf.mul(right, softplus(tf, away)), attr(context, 'gamma')), tf.unary('Sigmoid', away));
  const slopes = tf.mul(tf.mul(power, inner), tf.oneHot(label!, classes(x!), -alpha, 1 - alpha));
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

export const lossKernels = {
  cross_entropy: crossEntropy,
  cross_entropy_grad: crossEntropyGrad,
  label_weight: labelWeight,
  mse,
  mse_grad: mseGrad,
  l1,
  l1_grad: l1Grad,
  huber,
  huber_grad: huberGrad,
  binary_cross_entropy: binaryCrossEntropy,
  binary_cross_entropy_grad: binaryCrossEntropyGrad,
  focal,
  focal_grad: focalGrad,
  correct_count: correctCount,
};
