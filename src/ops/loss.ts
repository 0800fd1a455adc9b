import type { TensorType } from '../ir/types.js';
import { elements, hasShape, isMatrix, isScalar } from './constraints.js';
import type { OpDefinition, OpSample, SampleRandom } from './op.js';
import { f32, tensor } from './sample.js';

const SMOOTHING = {
  label_smoothing: { kind: 'number', doc: 'share of the target that is spread over all classes' },
} as const satisfies OpDefinition['attrs'];

function checkLabels(name: string, logits: TensorType, label: TensorType): void {
  isMatrix(`${name}_c1`, 'the logits', logits);
  hasShape(`${name}_c2`, 'the labels', label, [logits.shape[0]]);
}

function constraints(name: string, dloss: boolean): OpDefinition['constraints'] {
  return {
    [`${name}_c1`]: 'the logits are [batch, classes]',
    [`${name}_c2`]: 'label is [batch]',
    ...(dloss && { [`${name}_c3`]: 'dloss is a single number' }),
  };
}

/** Labels from -1 (padding) up to the number of classes. */
function sampleLabelled(random: SampleRandom): OpSample {
  const batch = random.int(1, 6);
  const classes = random.pick([2, 3, 10, 17]);
  return {
    types: [f32(batch, classes), tensor('i32', batch)],
    attrs: {},
    domains: [
      { low: -4, high: 4 },
      { low: -1, high: classes - 1 },
    ],
  };
}

function sampleGradient(random: SampleRandom): OpSample {
  const sample = sampleLabelled(random);
  return { ...sample, types: [...sample.types, f32()] };
}

/**
 * mean over rows of (1 - s) * -log p[label] + s * mean over classes of -log p, where p is the softmax of the row and s the label
 * smoothing (as PyTorch). A row with label -1 is padding and adds 0; the divisor is the number of rows.
 */
export const crossEntropy: OpDefinition<'rows'> = {
  doc: 'Cross entropy between the softmax of logits and labels, mean over the batch; a row with label -1 is padding and adds 0.',
  kind: 'rows',
  leavesTotal: 'over_rows',
  takesProbabilities: 'distribution',
  constraints: constraints('cross_entropy', false),
  operands: [
    { name: 'logits', format: 'class' },
    { name: 'label', format: 'i32' },
  ],
  attrs: SMOOTHING,
  precision: 'full',
  result: 'f32',
  shape: ([logits, label]) => {
    checkLabels('cross_entropy', logits, label);
    return [];
  },
  gradient: ({ node, dy, emit }) => [emit('cross_entropy_grad', [...node.inputs, dy], node.attrs, 0), undefined],
  flops: ([logits]) => 10 * elements(logits),
  sample: (random) => ({ ...sampleLabelled(random), attrs: { label_smoothing: random.pick([0, 0.1]) } }),
};

/** dlogits = (softmax(logits) - (1 - s) * onehot(label) - s / classes) * dloss / batch; padding rows give 0. */
export const crossEntropyGrad: OpDefinition<'rows'> = {
  doc: 'Gradient of cross_entropy with respect to the logits, times dloss.',
  kind: 'rows',
  gradientOf: { op: 'cross_entropy', operand: 'logits' },
  constraints: constraints('cross_entropy_grad', true),
  operands: [
    { name: 'logits', format: 'class' },
    { name: 'label', format: 'i32' },
    { name: 'dloss', format: 'f32' },
  ],
  attrs: SMOOTHING,
  precision: 'full',
  result: 'class',
  shape: ([logits, label, dloss]) => {
    checkLabels('cross_entropy_grad', logits, label);
    isScalar('cross_entropy_grad_c3', 'dloss', dloss);
    return logits.shape;
  },
  gradient: 'none',
  flops: ([logits]) => 10 * elements(logits),
  sample: (random) => ({ ...sampleGradient(random), attrs: { label_smoothing: random.pick([0, 0.1]) } }),
};

/** mean over rows and classes of (x - onehot(label))^2; padding rows add 0, the divisor is rows * classes. */
export const mse: OpDefinition<'rows'> = {
  doc: 'Mean squared difference from the one-hot labels; a row with label -1 is padding and adds 0.',
  kind: 'rows',
  leavesTotal: 'over_elements',
  constraints: constraints('mse', false),
  operands: [
    { name: 'x', format: 'class' },
    { name: 'label', format: 'i32' },
  ],
  attrs: {},
  precision: 'full',
  result: 'f32',
  shape: ([x, label]) => {
    checkLabels('mse', x, label);
    return [];
  },
  gradient: ({ node, dy, emit }) => [emit('mse_grad', [...node.inputs, dy], {}, 0), undefined],
  flops: ([x]) => 3 * elements(x),
  sample: sampleLabelled,
};

/** dx = 2 * (x - onehot(label)) * dloss / (rows * classes); padding rows give 0. */
export const mseGrad: OpDefinition<'rows'> = {
  doc: 'Gradient of mse with respect to x, times dloss.',
  kind: 'rows',
  gradientOf: { op: 'mse', operand: 'x' },
  constraints: constraints('mse_grad', true),
  operands: [
    { name: 'x', format: 'class' },
    { name: 'label', format: 'i32' },
    { name: 'dloss', format: 'f32' },
  ],
  attrs: {},
  precision: 'full',
  result: 'class',
  shape: ([x, label, dloss]) => {
    checkLabels('mse_grad', x, label);
    isScalar('mse_grad_c3', 'dloss', dloss);
    return x.shape;
  },
  gradient: 'none',
  flops: ([x]) => 3 * elements(x),
  sample: sampleGradient,
};

/**
 * mean over rows and classes of softplus(-x) where the label is, softplus(x) elsewhere: each class a yes or no of its own, with the
 * probability sigmoid(x) (as PyTorch's binary_cross_entropy_with_logits on one-hot labels). Padding rows add 0, the divisor is rows *
 * classes.
 */
export const binaryCrossEntropy: OpDefinition<'rows'> = {
  doc: 'Binary cross entropy between the sigmoid of logits and the one-hot labels; a row with label -1 is padding and adds 0.',
  kind: 'rows',
  leavesTotal: 'over_elements',
  takesProbabilities: 'independent',
  constraints: constraints('binary_cross_entropy', false),
  operands: [
    { name: 'logits', format: 'class' },
    { name: 'label', format: 'i32' },
  ],
  attrs: {},
  precision: 'full',
  result: 'f32',
  shape: ([logits, label]) => {
    checkLabels('binary_cross_entropy', logits, label);
    return [];
  },
  gradient: ({ node, dy, emit }) => [emit('binary_cross_entropy_grad', [...node.inputs, dy], {}, 0), undefined],
  flops: ([logits]) => 20 * elements(logits),
  sample: sampleLabelled,
};

/** dlogits = (sigmoid(x) - onehot(label)) * dloss / (rows * classes), at the label as -sigmoid(-x); padding rows give 0. */
export const binaryCrossEntropyGrad: OpDefinition<'rows'> = {
  doc: 'Gradient of binary_cross_entropy with respect to the logits, times dloss.',
  kind: 'rows',
  gradientOf: { op: 'binary_cross_entropy', operand: 'logits' },
  constraints: constraints('binary_cross_entropy_grad', true),
  operands: [
    { name: 'logits', format: 'class' },
    { name: 'label', format: 'i32' },
    { name: 'dloss', format: 'f32' },
  ],
  attrs: {},
  precision: 'full',
  result: 'class',
  shape: ([logits, label, dloss]) => {
    checkLabels('binary_cross_entropy_grad', logits, label);
    isScalar('binary_cross_entropy_grad_c3', 'dloss', dloss);
    return logits.shape;
  },
  gradient: 'none',
  flops: ([logits]) => 15 * elements(logits),
  sample: sampleGradient,
};

export const correctCount: OpDefinition<'rows'> = {
  doc: 'Number of rows whose first maximum is at the label; padding rows never count, nor do rows that hold a NaN.',
  kind: 'rows',
  leavesTotal: 'count',
  constraints: constraints('correct_count', false),
  operands: [
    { name: 'logits', format: 'exact' },
    { name: 'label', format: 'i32' },
  ],
  attrs: {},
  precision: 'fixed',
  result: 'i32',
  shape: ([logits, label]) => {
    checkLabels('correct_count', logits, label);
    return [];
  },
  gradient: 'none',
  flops: ([logits]) => elements(logits),
  sample: sampleLabelled,
};
