import type { OpName } from '../ir/op-names.js';
import type { Attrs } from '../ir/types.js';
import { elements, isScalar } from './constraints.js';
import { checkLabels, checkTarget, constraints, gradientOfLoss, sampleGradient, sampleLabelled, sampleTarget, TARGET } from './loss.js';
import type { OpDefinition, OpSample, SampleRandom } from './op.js';
import type { OpTraits } from './traits.js';

/** A loss that adds up over the classes of a row, each by itself. */
interface ByClass {
  readonly name: OpName;
  readonly grad: OpName;
  /** What its operand is called. */
  readonly operand: 'x' | 'logits';
  readonly doc: string;
  /** Operations for each element, of the loss and of its gradient. */
  readonly flops: readonly [number, number];
  readonly takesProbabilities?: NonNullable<OpTraits['takesProbabilities']>;
  readonly attrs?: OpDefinition['attrs'];
  readonly sampleAttrs?: (random: SampleRandom) => Attrs;
  /** Between what its targets lie in samples; left out: it has none but the labels. */
  readonly targets?: readonly [low: number, high: number];
}

type RowLoss = OpDefinition<'rows'>;

/**
 * The loss, a mean over rows and classes, and its gradient with respect to the operand times dloss. A row with label -1 is padding: it adds
 * 0 and counts in the divisor, rows * classes.
 */
function byClass({
  name,
  grad,
  operand,
  doc,
  flops,
  takesProbabilities,
  attrs = {},
  sampleAttrs = () => ({}),
  targets,
}: ByClass): [RowLoss, RowLoss] {
  const target = targets === undefined ? [] : [TARGET];
  const sample = (random: SampleRandom, labelled: OpSample): OpSample => {
    const one = { ...labelled, attrs: sampleAttrs(random) };
    return targets === undefined ? one : sampleTarget(random, one, ...targets);
  };
  const loss: RowLoss = {
    doc,
    kind: 'rows',
    leavesTotal: 'over_elements',
    ...(takesProbabilities !== undefined && { takesProbabilities }),
    constraints: { ...constraints(name, false), ...(targets && { [`${name}_c3`]: 'target is [batch, classes]' }) },
    operands: [{ name: operand, format: 'class' }, { name: 'label', format: 'i32' }, ...target],
    attrs,
    precision: 'full',
    result: 'f32',
    shape: ([x, label, t]) => {
      checkLabels(name, x, label);
      checkTarget(`${name}_c3`, x, t);
      return [];
    },
    gradient: gradientOfLoss(grad),
    flops: ([x]) => flops[0] * elements(x),
    sample: (random) => sample(random, sampleLabelled(random)),
  };
  const gradient: RowLoss = {
    doc: `Gradient of ${name} with respect to ${operand === 'x' ? 'x' : 'the logits'}, times dloss.`,
    kind: 'rows',
    gradientOf: { op: name, operand },
    constraints: { ...constraints(grad, true), ...(targets && { [`${grad}_c4`]: 'target is [batch, classes]' }) },
    operands: [...loss.operands.slice(0, 2), { name: 'dloss', format: 'f32' }, ...target],
    attrs,
    precision: 'full',
    result: 'class',
    shape: ([x, label, dloss, t]) => {
      checkLabels(grad, x, label);
      isScalar(`${grad}_c3`, 'dloss', dloss);
      checkTarget(`${grad}_c4`, x, t);
      return x.shape;
    },
    gradient: 'none',
    flops: ([x]) => flops[1] * elements(x),
    sample: (random) => sample(random, sampleGradient(random)),
  };
  return [loss, gradient];
}

/** d^2, of the difference d = x - onehot(label), or x - target; dx = 2 * d * dloss / (rows * classes). */
export const [mse, mseGrad] = byClass({
  name: 'mse',
  targets: [-2, 2],
  grad: 'mse_grad',
  operand: 'x',
  doc: 'Mean squared difference from the one-hot labels, or from targets; a row with label -1 is padding and adds 0.',
  flops: [3, 3],
});

/** |d|; dx = sign(d) * dloss / (rows * classes), 0 where d is. */
export const [l1, l1Grad] = byClass({
  name: 'l1',
  targets: [-2, 2],
  grad: 'l1_grad',
  operand: 'x',
  doc: 'Mean distance from the one-hot labels, or from targets; a row with label -1 is padding and adds 0.',
  flops: [3, 3],
});

/** d^2 / 2 where |d| is at most delta, else delta * (|d| - delta / 2); dx = clamp(d, -delta, delta) * dloss / (rows * classes). */
export const [huber, huberGrad] = byClass({
  name: 'huber',
  targets: [-2, 2],
  grad: 'huber_grad',
  operand: 'x',
  doc: 'Half the mean squared difference from labels, or from targets, linear beyond delta; a row with label -1 is padding and adds 0.',
  flops: [6, 3],
  attrs: { delta: { kind: 'number', doc: 'where the square ends, above 0; rounded to f32' } },
  sampleAttrs: (random) => ({ delta: random.pick([0.5, 1, 1.7]) }),
});

/**
 * softplus(-x) where the label is, softplus(x) elsewhere: each class a yes or no of its own, with the probability sigmoid(x) (as PyTorch's
 * binary_cross_entropy_with_logits on one-hot labels). dlogits = (sigmoid(x) - onehot(label)) * dloss / (rows * classes), at the label as
 * -sigmoid(-x).
 */
export const [binaryCrossEntropy, binaryCrossEntropyGrad] = byClass({
  name: 'binary_cross_entropy',
  targets: [0, 1],
  grad: 'binary_cross_entropy_grad',
  operand: 'logits',
  doc: 'Binary cross entropy between the sigmoid of logits and the one-hot labels; a row with label -1 is padding and adds 0.',
  flops: [20, 15],
  takesProbabilities: 'independent',
});

/**
 * a * sigmoid(u)^gamma * softplus(u), where u is -x at the label and x elsewhere, so that sigmoid(u) is the probability that the class is
 * mistaken, and a is alpha at the label, 1 - alpha elsewhere (Lin et al. 2017, as torchvision's sigmoid_focal_loss on one-hot labels).
 * The derivative by u is a * sigmoid(u)^gamma * (gamma * sigmoid(-u) * softplus(u) + sigmoid(u)).
 */
export const [focal, focalGrad] = byClass({
  name: 'focal',
  grad: 'focal_grad',
  operand: 'logits',
  doc: 'Binary cross entropy of each class times the gamma-th power of its mistake; a row with label -1 is padding and adds 0.',
  flops: [45, 60],
  takesProbabilities: 'independent',
  attrs: {
    gamma: { kind: 'number', doc: 'power of the mistake, at least 0; rounded to f32' },
    alpha: { kind: 'number', doc: 'share of the class of the label against the others, 0 to 1' },
  },
  sampleAttrs: (random) => ({ gamma: random.pick([0, 0.5, 2, 3]), alpha: random.pick([0.25, 0.6]) }),
});
