import { asRows, fill, type ReferenceKernel } from './kernel.js';
import { logSumExp, rowLogSums } from './log-sum-exp.js';

const softmax: ReferenceKernel = ({ node: { attrs }, types: [type], inputs: [x], output }) => {
  const { rows, length } = asRows(type);
  const ofMatrix = type.shape.at(-2) ?? 1;
  for (let row = 0; row < rows; row += 1) {
    const counted = attrs.causal === true ? Math.min(length, (row % ofMatrix) + 1) : length;
    const log = logSumExp(x, row * length, counted);
    for (let k = 0; k < length; k += 1) output[row * length + k] = k < counted ? Math.exp(x[row * length + k] - log) : 0;
  }
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

export const rowKernels = {
  softmax,
  log_softmax: logSoftmax,
  softmax_grad: softmaxGrad,
  log_softmax_grad: logSoftmaxGrad,
};
