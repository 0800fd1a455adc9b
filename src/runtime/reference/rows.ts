import { asRows, attr, type Elements, fill, type ReferenceKernel } from './kernel.js';

/** Logarithm of the sum of exponentials of x[from .. from + length), with the maximum taken out. */
function logSumExp(x: Elements, from: number, length: number): number {
  let max = -Infinity;
  for (let k = 0; k < length; k += 1) max = Math.max(max, x[from + k]);
  let sum = 0;
  for (let k = 0; k < length; k += 1) sum += Math.exp(x[from + k] - max);
  return max + Math.log(sum);
}

function rowLogSums(x: Elements, rows: number, length: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => logSumExp(x, row * length, length));
}

const softmax: ReferenceKernel = ({ types: [type], inputs: [x], output }) => {
  const { rows, length } = asRows(type);
  const logs = rowLogSums(x, rows, length);
  fill(output, (i) => Math.exp(x[i] - logs[Math.floor(i / length)]));
};

const logSoftmax: ReferenceKernel = ({ types: [type], inputs: [x], output }) => {
  const { rows, length } = asRows(type);
  const logs = rowLogSums(x, rows, length);
  fill(output, (i) => x[i] - logs[Math.floor(i / length)]);
};

const softmaxGrad: ReferenceKernel = ({ types: [type], inputs: [dy, y], output }) => {
  const { rows, length } = asRows(type);
  const dots = new Float64Array(rows);
  for (let i = 0; i < dy.length; i += 1) dots[Math.floor(i / length)] += dy[i] * y[i];
  fill(output, (i) => y[i] * (dy[i] - dots[Math.floor(i / length)]));
};

const logSoftmaxGrad: ReferenceKernel = ({ types: [type], inputs: [dy, y], output }) => {
  const { rows, length } = asRows(type);
  const sums = new Float64Array(rows);
  for (let i = 0; i < dy.length; i += 1) sums[Math.floor(i / length)] += dy[i];
  fill(output, (i) => dy[i] - Math.exp(y[i]) * sums[Math.floor(i / length)]);
};

const crossEntropy: ReferenceKernel = (context) => {
  const {
    types: [type],
    inputs: [logits, label],
    output,
  } = context;
  const { rows, length } = asRows(type);
  const smoothing = attr(context, 'label_smoothing');
  let total = 0;
  for (let row = 0; row < rows; row += 1) {
    if (label[row] < 0) continue;
    const at = row * length;
    const log = logSumExp(logits, at, length);
    let smooth = 0;
    if (smoothing !== 0) for (let k = 0; k < length; k += 1) smooth += (log - logits[at + k]) / length;
    total += (1 - smoothing) * (log - logits[at + label[row]]) + smoothing * smooth;
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
  fill(output, (i) => {
    const row = Math.floor(i / length);
    if (label[row] < 0) return 0;
    const target = (i % length === label[row] ? 1 - smoothing : 0) + smoothing / length;
    return (Math.exp(logits[i] - logs[row]) - target) * factor;
  });
};

const mse: ReferenceKernel = ({ types: [type], inputs: [x, label], output }) => {
  const { length } = asRows(type);
  let total = 0;
  for (let i = 0; i < x.length; i += 1) {
    const target = label[Math.floor(i / length)];
    if (target >= 0) total += (x[i] - (i % length === target ? 1 : 0)) ** 2;
  }
  output[0] = total / x.length;
};

const mseGrad: ReferenceKernel = ({ types: [type], inputs: [x, label, dloss], output }) => {
  const { length } = asRows(type);
  const factor = (2 * dloss[0]) / x.length;
  fill(output, (i) => {
    const target = label[Math.floor(i / length)];
    return target < 0 ? 0 : (x[i] - (i % length === target ? 1 : 0)) * factor;
  });
};

const binaryCrossEntropy: ReferenceKernel = ({ types: [type], inputs: [x, label], output }) => {
  const { length } = asRows(type);
  let total = 0;
  for (let i = 0; i < x.length; i += 1) {
    const target = label[Math.floor(i / length)];
    const wrong = i % length === target ? -x[i] : x[i];
    if (target >= 0) total += Math.max(wrong, 0) + Math.log1p(Math.exp(-Math.abs(wrong)));
  }
  output[0] = total / x.length;
};

const binaryCrossEntropyGrad: ReferenceKernel = ({ types: [type], inputs: [x, label, dloss], output }) => {
  const { length } = asRows(type);
  const factor = dloss[0] / x.length;
  fill(output, (i) => {
    const target = label[Math.floor(i / length)];
    if (target < 0) return 0;
    return i % length === target ? -factor / (1 + Math.exp(x[i])) : factor / (1 + Math.exp(-x[i]));
  });
};

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

export const rowKernels = {
  softmax,
  log_softmax: logSoftmax,
  softmax_grad: softmaxGrad,
  log_softmax_grad: logSoftmaxGrad,
  cross_entropy: crossEntropy,
  cross_entropy_grad: crossEntropyGrad,
  mse,
  mse_grad: mseGrad,
  binary_cross_entropy: binaryCrossEntropy,
  binary_cross_entropy_grad: binaryCrossEntropyGrad,
  correct_count: correctCount,
};
