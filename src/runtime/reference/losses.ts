import { numbersAttr } from '../../ir/types.js';
import { asRows, attr, fill, type KernelContext, type ReferenceKernel } from './kernel.js';
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

const crossEntropy: ReferenceKernel = (context) => {
  const {
    types: [type],
    inputs: [logits, label],
    output,
  } = context;
  const { rows, length } = asRows(type);
  const smoothing = attr(context, 'label_smoothing');
  const { each } = weighting(context);
  let total = 0;
  for (let row = 0; row < rows; row += 1) {
    if (!isCounted(context, label[row])) continue;
    const at = row * length;
    const log = logSumExp(logits, at, length);
    let smooth = 0;
    if (smoothing !== 0) for (let k = 0; k < length; k += 1) smooth += (each(k) * (log - logits[at + k])) / length;
    total += (1 - smoothing) * each(label[row]) * (log - logits[at + label[row]]) + smoothing * smooth;
  }
  output[0] = total / rows;
};

const crossEntropyGrad: ReferenceKernel = (context) => {
  const {
    types: [type],
    inputs: [logits, label, dloss],
    output,
  } = context;
  const { rows, length } = asRows(type);
  const smoothing = attr(context, 'label_smoothing');
  const logs = rowLogSums(logits, rows, length);
  const factor = dloss[0] / rows;
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

/** What an element adds to the loss, and the slope of that, by the element and whether its class is the row's. */
type ElementLoss = (context: KernelContext) => {
  readonly loss: (x: number, isTarget: boolean) => number;
  readonly slope: (x: number, isTarget: boolean) => number;
};

/** The kernels of a mean over all elements, and of its gradient. */
function byClass(elementLoss: ElementLoss): readonly [ReferenceKernel, ReferenceKernel] {
  return [
    (context) => {
      const { types, inputs, output } = context;
      const [x, label] = inputs;
      const { length } = asRows(types[0]);
      const { loss } = elementLoss(context);
      let total = 0;
      for (let i = 0; i < x.length; i += 1) {
        const target = label[Math.floor(i / length)];
        if (target >= 0) total += loss(x[i], i % length === target);
      }
      output[0] = total / x.length;
    },
    (context) => {
      const { types, inputs, output } = context;
      const [x, label, dloss] = inputs;
      const { length } = asRows(types[0]);
      const { slope } = elementLoss(context);
      const factor = dloss[0] / x.length;
      fill(output, (i) => {
        const target = label[Math.floor(i / length)];
        return target < 0 ? 0 : slope(x[i], i % length === target) * factor;
      });
    },
  ];
}

/** By how far an element is from its target. */
const ofDifference = (loss: (d: number) => number, slope: (d: number) => number): ReturnType<ElementLoss> => {
  const difference = (x: number, isTarget: boolean): number => x - (isTarget ? 1 : 0);
  return { loss: (x, isTarget) => loss(difference(x, isTarget)), slope: (x, isTarget) => slope(difference(x, isTarget)) };
};

const softplus = (u: number): number => Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u)));
const sigmoid = (u: number): number => 1 / (1 + Math.exp(-u));

/** By how a logit counts against its row. */
const ofMistake = (
  loss: (u: number) => number,
  slope: (u: number) => number,
  share: (isTarget: boolean) => number,
): ReturnType<ElementLoss> => ({
  loss: (x, isTarget) => share(isTarget) * loss(isTarget ? -x : x),
  slope: (x, isTarget) => (isTarget ? -share(true) * slope(-x) : share(false) * slope(x)),
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
const [binaryCrossEntropy, binaryCrossEntropyGrad] = byClass(() => ofMistake(softplus, sigmoid, () => 1));
const [focal, focalGrad] = byClass((context) => {
  const gamma = context.f32(attr(context, 'gamma'));
  const alpha = attr(context, 'alpha');
  return ofMistake(
    (u) => sigmoid(u) ** gamma * softplus(u),
    (u) => sigmoid(u) ** gamma * (gamma * sigmoid(-u) * softplus(u) + sigmoid(u)),
    (isTarget) => context.f32(isTarget ? alpha : 1 - alpha),
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
