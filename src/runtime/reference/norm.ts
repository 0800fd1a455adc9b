import { numbersAttr } from '../../ir/types.js';
import { asRows, attr, fill, type ReferenceKernel } from './kernel.js';

const normalize: ReferenceKernel = ({ node, inputs: [image], output, f32 }) => {
  const means = numbersAttr(node.attrs, 'mean');
  const deviations = numbersAttr(node.attrs, 'std');
  const factors = deviations.map((std) => f32(1 / (255 * std)));
  const offsets = means.map((mean, c) => f32(mean / deviations[c]));
  const channels = means.length;
  fill(output, (i) => image[i] * factors[i % channels] - offsets[i % channels]);
};

const channelMean: ReferenceKernel = ({ types: [type], inputs: [x], output }) => {
  const { rows, length } = asRows(type);
  const sums = new Float64Array(length);
  for (let i = 0; i < x.length; i += 1) sums[i % length] += x[i];
  fill(output, (c) => sums[c] / rows);
};

const channelVariance: ReferenceKernel = ({ types: [type], inputs: [x, mean], output }) => {
  const { rows, length } = asRows(type);
  const sums = new Float64Array(length);
  for (let i = 0; i < x.length; i += 1) sums[i % length] += (x[i] - mean[i % length]) ** 2;
  fill(output, (c) => sums[c] / rows);
};

const batchNorm: ReferenceKernel = (context) => {
  const {
    types,
    inputs: [x, mean, variance, weight, bias],
    output,
  } = context;
  const { length } = asRows(types[0]);
  const eps = attr(context, 'eps');
  const factors = Float64Array.from(variance, (v, c) => weight[c] / Math.sqrt(v + eps));
  fill(output, (i) => (x[i] - mean[i % length]) * factors[i % length] + bias[i % length]);
};

const batchNormWeightGrad: ReferenceKernel = (context) => {
  const {
    types,
    inputs: [x, dy, mean, variance],
    output,
  } = context;
  const { length } = asRows(types[0]);
  const eps = attr(context, 'eps');
  const sums = new Float64Array(length);
  for (let i = 0; i < x.length; i += 1) sums[i % length] += dy[i] * (x[i] - mean[i % length]);
  fill(output, (c) => sums[c] / Math.sqrt(variance[c] + eps));
};

const batchNormInputGrad: ReferenceKernel = (context) => {
  const {
    types,
    inputs: [dy, x, mean, variance, weight, dweight, dbias],
    output,
  } = context;
  const { rows, length } = asRows(types[0]);
  const eps = attr(context, 'eps');
  const inverse = Float64Array.from(variance, (v) => 1 / Math.sqrt(v + eps));
  fill(output, (i) => {
    const c = i % length;
    const normalized = (x[i] - mean[c]) * inverse[c];
    return weight[c] * inverse[c] * (dy[i] - dbias[c] / rows - (normalized * dweight[c]) / rows);
  });
};

const runningUpdate: ReferenceKernel = (context) => {
  const {
    inputs: [running, batch, ok],
    output,
  } = context;
  const momentum = attr(context, 'momentum');
  const share = momentum * attr(context, 'correction');
  const apply = ok === undefined || ok[0] !== 0;
  fill(output, (c) => (apply ? running[c] * (1 - momentum) + share * batch[c] : running[c]));
  context.write(0, output);
};

export const normKernels = {
  normalize,
  channel_mean: channelMean,
  channel_variance: channelVariance,
  batch_norm: batchNorm,
  batch_norm_weight_grad: batchNormWeightGrad,
  batch_norm_input_grad: batchNormInputGrad,
  running_update: runningUpdate,
};
