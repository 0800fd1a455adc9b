import { numbersAttr } from '../../ir/types.js';
import { asRows, attr, type Elements, fill, type KernelContext, type ReferenceKernel } from './kernel.js';
import { logSumExp, rowLogSums } from './log-sum-exp.js';

/** What a row with this label counts, and the weight of each class. */
function weighting({ node: { attrs }, f32 }: KernelContext): {
  readonly of: (label: number) => number;
  readonly each: (k: number) => number;
} {
  const weights = attrs.weights === undefined ? undefined : numbersAttr(attrs, 'weights').map(f32);
  const each = (k: number): number => weights?.[k] ?? 1;
  return { each, of: (label) => (label < 0 || label === attrs.ignore ? 0 : each(label)) };
}

function isCounted({ node: { attrs } }: KernelContext, label: number): boolean {
  return label >= 0 && label !== attrs.ignore;
}

const labelWeight: ReferenceKernel = (context) => {
  const { inputs, output } = context;
  const label = inputs[1]!;
  const { of } = weighting(context);
  let total = 0;
  for (const one of label) total += of(one);
  output[0] = total / label.length;
};

/** What an element counts of such targets: a share of them is spread over all classes, and each class has its weight. */
function sharesOf(target: Elements, length: number, context: KernelContext): (i: number) => number {
  const smoothing = attr(context, 'label_smoothing');
  const { each } = weighting(context);
  return (i) => each(i % length) * ((1 - smoothing) * target[i] + smoothing / length);
}

const crossEntropy: ReferenceKernel = (context) => {
  const {
    types: [type],
    inputs: [logits, label, target],
    output,
  } = context;
  const { rows, length } = asRows(type);
  const smoothing = attr(context, 'label_smoothing');
  const wanted = target && sharesOf(target, length, context);
  const { each } = weighting(context);
  let total = 0;
  for (let row = 0; row < rows; row += 1) {
    if (!isCounted(context, label[row])) continue;
    const at = row * length;
    const log = logSumExp(logits, at, length);
    if (wanted !== undefined) {
      for (let i = at; i < at + length; i += 1) total += wanted(i) * (log - logits[i]);
      continue;
    }
    let smooth = 0;
    if (smoothing !== 0) for (let k = 0; k < length; k += 1) smooth += (each(k) * (log - logits[at + k])) / length;
    total += (1 - smoothing) * each(label[row]) * (log - logits[at + label[row]]) + smoothing * smooth;
  }
  output[0] = total / rows;
};

const crossEntropyGrad: ReferenceKernel = (context) => {
  const {
    types: [type],
    inputs: [logits, label, dloss, given],
    output,
  } = context;
  const { rows, length } = asRows(type);
  const smoothing = attr(context, 'label_smoothing');
  const logs = rowLogSums(logits, rows, length);
  const factor = dloss[0] / rows;
  if (given !== undefined) {
    const wanted = sharesOf(given, length, context);
    const sums = Float64Array.from({ length: rows }, (_, row) => {
      let sum = 0;
      for (let i = row * length; i < (row + 1) * length; i += 1) sum += wanted(i);
      return sum;
    });
    fill(output, (i) => {
      const row = Math.floor(i / length);
      return !isCounted(context, label[row]) ? 0 : (sums[row] * Math.exp(logits[i] - logs[row]) - wanted(i)) * factor;
    });
    return;
  }
  const { each } = weighting(context);
  let all = 0;
  for (let k = 0; k < length; k += 1) all += each(k) / length;
  fill(output, (i) => {
    const row = Math.floor(i / length);
    if (!isCounted(context, label[row])) return 0;
    const target = (i % length === label[row] ? 1 - smoothing : 0) + smoothing / length;
    const targets = (1 - smoothing) * each(label[row]) + smoothing * all;
    return (targets * Math.exp(logits[i] - logs[row]) - each(i % length) * target) * factor;
  });
};

/** What an element adds to the loss, and the slope of that, by the element and its target. */
type ElementLoss = (context: KernelContext) => {
  readonly loss: (x: number, target: number) => number;
  readonly slope: (x: number, target: number) => number;
};

/** The target of element `i` of rows of `length`: 1 at the label, else 0, where none is given; undefined in rows without a label. */
function targetAt(label: Elements, target: Elements | undefined, length: number): (i: number) => number | undefined {
  return (i) => {
    const own = label[Math.floor(i / length)];
    if (own < 0) return undefined;
    return target === undefined ? Number(i % length === own) : target[i];
  };
}

/** The kernels of a mean over all elements, and of its gradient. */
function byClass(elementLoss: ElementLoss): readonly [ReferenceKernel, ReferenceKernel] {
  return [
    (context) => {
      const { types, inputs, output } = context;
      const [x, label, given] = inputs;
      const wanted = targetAt(label, given, asRows(types[0]).length);
      const { loss } = elementLoss(context);
      let total = 0;
      for (let i = 0; i < x.length; i += 1) {
        const target = wanted(i);
        if (target !== undefined) total += loss(x[i], target);
      }
      output[0] = total / x.length;
    },
    (context) => {
      const { types, inputs, output } = context;
      const [x, label, dloss, given] = inputs;
      const wanted = targetAt(label, given, asRows(types[0]).length);
      const { slope } = elementLoss(context);
      const factor = dloss[0] / x.length;
      fill(output, (i) => {
        const target = wanted(i);
        return target === undefined ? 0 : slope(x[i], target) * factor;
      });
    },
  ];
}

/** By how far an element is from its target. */
const ofDifference = (loss: (d: number) => number, slope: (d: number) => number): ReturnType<ElementLoss> => ({
  loss: (x, target) => loss(x - target),
  slope: (x, target) => slope(x - target),
});

const softplus = (u: number): number => Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u)));
const sigmoid = (u: number): number => 1 / (1 + Math.exp(-u));

/** By how a logit counts against its row: as it is by the share of what it should not be, and its negative by its target. */
const ofMistake = (
  loss: (u: number) => number,
  slope: (u: number) => number,
  [own, other]: readonly [number, number],
): ReturnType<ElementLoss> => ({
  // A share of 0 adds nothing, whatever the logit is.
  loss: (x, target) => (target === 0 ? 0 : target * own * loss(-x)) + (target === 1 ? 0 : (1 - target) * other * loss(x)),
  slope: (x, target) => (target === 0 ? 0 : -target * own * slope(-x)) + (target === 1 ? 0 : (1 - target) * other * slope(x)),
});

const [mse, mseGrad] = byClass(() =>
  ofDifference(
    (d) => d ** 2,
    (d) => 2 * d,
  ),
);
const [l1, l1Grad] = byClass(() => ofDifference(Math.abs, Math.sign));
const [huber, huberGrad] = byClass((context) => {
  const delta = context.f32(attr(context, 'delta'));
  return ofDifference(
    (d) => (Math.abs(d) <= delta ? d ** 2 / 2 : delta * (Math.abs(d) - delta / 2)),
    (d) => Math.max(-delta, Math.min(delta, d)),
  );
});
const [binaryCrossEntropy, binaryCrossEntropyGrad] = byClass(() => ofMistake(softplus, sigmoid, [1, 1]));
const [focal, focalGrad] = byClass((context) => {
  const gamma = context.f32(attr(context, 'gamma'));
  const alpha = attr(context, 'alpha');
  return ofMistake(
    (u) => sigmoid(u) ** gamma * softplus(u),
    (u) => sigmoid(u) ** gamma * (gamma * sigmoid(-u) * softplus(u) + sigmoid(u)),
    [context.f32(alpha), context.f32(1 - alpha)],
  );
});

const correctCount: ReferenceKernel = ({ types: [type], inputs: [logits, label], output }) => {
  const { rows, length } = asRows(type);
  let count = 0;
  for (let row = 0; row < rows; row += 1) {
    const values = logits.subarray(row * length, (row + 1) * length);
    // Math.max makes NaN of any NaN, which indexOf never finds.
    if (label[row] >= 0 && values.indexOf(Math.max(...values)) === label[row]) count += 1;
  }
  output[0] = count;
};

/** Kernels of the losses and of what they report. */
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
