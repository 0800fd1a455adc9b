import type { OpName } from '../ir/op-names.js';
import { type Attrs, numbersAttr, type TensorType, type ValueId } from '../ir/types.js';
import { elements, hasShape, isMatrix, isScalar } from './constraints.js';
import { constrain, type GradientRule, type OpDefinition, type OperandSpec, type OpSample, type SampleRandom } from './op.js';
import { f32, tensor } from './sample.js';

const WEIGHTS = {
  weights: { kind: 'numbers', doc: 'what a row counts, by its label; left out: 1', optional: true },
  ignore: { kind: 'number', doc: 'a label whose rows count as padding does', optional: true },
} as const satisfies OpDefinition['attrs'];

const CROSS_ENTROPY = {
  label_smoothing: { kind: 'number', doc: 'share of the target that is spread over all classes' },
  ...WEIGHTS,
} as const satisfies OpDefinition['attrs'];

export function checkLabels(name: string, logits: TensorType, label: TensorType): void {
  isMatrix(`${name}_c1`, 'the logits', logits);
  hasShape(`${name}_c2`, 'the labels', label, [logits.shape[0]]);
}

function checkWeights(label: string, logits: TensorType, attrs: Attrs): void {
  if (attrs.weights === undefined) return;
  const count = numbersAttr(attrs, 'weights').length;
  constrain(count === logits.shape[1], label, () => `weights has ${count} numbers for ${logits.shape[1]} classes`);
}

/** What each row is to be: a number for every class; left out: 1 at its label, else 0. */
export const TARGET = { name: 'target', format: 'class', optional: true } as const satisfies OperandSpec;

export function checkTarget(label: string, logits: TensorType, target: TensorType | undefined): void {
  if (target !== undefined) hasShape(label, 'the targets', target, logits.shape);
}

export function constraints(name: string, dloss: boolean): OpDefinition['constraints'] {
  return {
    [`${name}_c1`]: 'the logits are [batch, classes]',
    [`${name}_c2`]: 'label is [batch]',
    ...(dloss && { [`${name}_c3`]: 'dloss is a single number' }),
  };
}

/** Labels from -1 (padding) up to the number of classes. */
export function sampleLabelled(random: SampleRandom): OpSample {
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

export function sampleGradient(random: SampleRandom): OpSample {
  const sample = sampleLabelled(random);
  return { ...sample, types: [...sample.types, f32()] };
}

/** The sample, or the sample with targets between `low` and `high`. */
export function sampleTarget(random: SampleRandom, sample: OpSample, low: number, high: number): OpSample {
  if (random.pick([false, true])) return sample;
  const { types, domains = [] } = sample;
  const filled = types.map((_, index) => domains[index]);
  return { ...sample, types: [...types, types[0]], domains: [...filled, { low, high }] };
}

/** The sample with weights of the classes, or a label to ignore, or both. */
function sampleWeighted(random: SampleRandom, sample: OpSample): OpSample {
  const classes = sample.types[0].shape[1];
  const weights = Array.from({ length: classes }, () => random.real(0.5, 2));
  const ignore = random.int(0, classes - 1);
  const choices: readonly Attrs[] = [{}, { weights }, { ignore }, { weights, ignore }];
  return { ...sample, attrs: { ...sample.attrs, ...random.pick(choices) } };
}

function sampleCrossEntropy(random: SampleRandom, sample: OpSample): OpSample {
  return sampleTarget(random, sampleWeighted(random, { ...sample, attrs: { label_smoothing: random.pick([0, 0.1]) } }), 0, 1);
}

/** The gradient by the first operand: the op reads what the loss reads, and dloss before the targets. */
export function gradientOfLoss(grad: OpName): GradientRule {
  return ({ node, dy, emit }) => {
    const [x, label, ...target] = node.inputs as [ValueId, ValueId, ...ValueId[]];
    return [emit(grad, [x, label, dy, ...target], node.attrs, 0), undefined, ...target.map(() => undefined)];
  };
}

/**
 * mean over rows of (1 - s) * w[label] * -log p[label] + s * mean over classes of w * -log p, where p is the softmax of the row, s the
 * label smoothing and w the weights (as PyTorch's, which it then divides otherwise: see `label_weight`). A row with label -1 is padding and
 * adds 0, as one whose label is ignored does; the divisor is the number of rows. With targets t it is the sum over classes of
 * w * ((1 - s) * t + s / classes) * -log p, as PyTorch's of class probabilities; they need not add up to 1.
 */
export const crossEntropy: OpDefinition<'rows'> = {
  doc: 'Cross entropy between the softmax of logits and labels, mean over the batch; a row with label -1 is padding and adds 0.',
  kind: 'rows',
  leavesTotal: 'over_rows',
  takesProbabilities: 'distribution',
  constraints: {
    ...constraints('cross_entropy', false),
    cross_entropy_c3: '`weights` has one number per class',
    cross_entropy_c4: 'target is [batch, classes]',
  },
  operands: [{ name: 'logits', format: 'class' }, { name: 'label', format: 'i32' }, TARGET],
  attrs: CROSS_ENTROPY,
  precision: 'full',
  result: 'f32',
  shape: ([logits, label, target], attrs) => {
    checkLabels('cross_entropy', logits, label);
    checkWeights('cross_entropy_c3', logits, attrs);
    checkTarget('cross_entropy_c4', logits, target);
    return [];
  },
  gradient: gradientOfLoss('cross_entropy_grad'),
  flops: ([logits]) => 10 * elements(logits),
  sample: (random) => sampleCrossEntropy(random, sampleLabelled(random)),
};

/**
 * dlogits = (t * softmax(logits) - w * ((1 - s) * onehot(label) + s / classes)) * dloss / batch, t the sum of what is taken off; padding
 * gives 0. With targets they stand where onehot(label) does.
 */
export const crossEntropyGrad: OpDefinition<'rows'> = {
  doc: 'Gradient of cross_entropy with respect to the logits, times dloss.',
  kind: 'rows',
  gradientOf: { op: 'cross_entropy', operand: 'logits' },
  constraints: {
    ...constraints('cross_entropy_grad', true),
    cross_entropy_grad_c4: '`weights` has one number per class',
    cross_entropy_grad_c5: 'target is [batch, classes]',
  },
  operands: [{ name: 'logits', format: 'class' }, { name: 'label', format: 'i32' }, { name: 'dloss', format: 'f32' }, TARGET],
  attrs: CROSS_ENTROPY,
  precision: 'full',
  result: 'class',
  shape: ([logits, label, dloss, target], attrs) => {
    checkLabels('cross_entropy_grad', logits, label);
    isScalar('cross_entropy_grad_c3', 'dloss', dloss);
    checkWeights('cross_entropy_grad_c4', logits, attrs);
    checkTarget('cross_entropy_grad_c5', logits, target);
    return logits.shape;
  },
  gradient: 'none',
  flops: ([logits]) => 10 * elements(logits),
  sample: (random) => sampleCrossEntropy(random, sampleGradient(random)),
};

/**
 * mean over rows of the weight of the row's label. Over it, cross_entropy with the same attributes is the mean that the weights mean:
 * the sum of the rows' losses by the sum of their weights.
 */
export const labelWeight: OpDefinition<'rows'> = {
  doc: 'Mean over the batch of the weight of each label: 1 without weights; 0 of a label that is ignored and of padding.',
  kind: 'rows',
  leavesTotal: 'over_rows',
  constraints: {
    ...constraints('label_weight', false),
    label_weight_c3: '`weights` has one number per class',
  },
  operands: [
    { name: 'logits', format: 'exact' },
    { name: 'label', format: 'i32' },
  ],
  attrs: WEIGHTS,
  precision: 'fixed',
  result: 'f32',
  shape: ([logits, label], attrs) => {
    checkLabels('label_weight', logits, label);
    checkWeights('label_weight_c3', logits, attrs);
    return [];
  },
  gradient: 'none',
  flops: ([logits]) => logits.shape[0],
  sample: (random) => sampleWeighted(random, sampleLabelled(random)),
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
