import { asRows, attr, type Elements, fill, type KernelContext, type ReferenceKernel } from './kernel.js';

/** Means over the rows of length `length` of what `value` gives for each element. */
function rowMeans(count: number, length: number, value: (index: number) => number): Float64Array {
  const sums = new Float64Array(count / length);
  for (let i = 0; i < count; i += 1) sums[Math.floor(i / length)] += value(i);
  return sums.map((sum) => sum / length);
}

/** The normalized x at an index. */
function normalizedBy(x: Elements, statistics: Elements, length: number): (index: number) => number {
  return (i) => {
    const row = Math.floor(i / length);
    return (x[i] - statistics[2 * row]) * statistics[2 * row + 1];
  };
}

const isCentered = ({ node }: KernelContext) => node.attrs.center !== false;

const layerNormStatistics: ReferenceKernel = (context) => {
  const {
    types: [type],
    inputs: [x],
    output,
  } = context;
  const { length } = asRows(type);
  const eps = attr(context, 'eps');
  const means = rowMeans(x.length, length, (i) => (isCentered(context) ? x[i] : 0));
  const variances = rowMeans(x.length, length, (i) => (x[i] - means[Math.floor(i / length)]) ** 2);
  fill(output, (i) => (i % 2 === 0 ? means[i / 2] : 1 / Math.sqrt(variances[(i - 1) / 2] + eps)));
};

const layerNorm: ReferenceKernel = ({ types: [type], inputs: [x, statistics, weight, bias], output }) => {
  const { length } = asRows(type);
  const z = normalizedBy(x, statistics, length);
  fill(output, (i) => z(i) * weight[i % length] + bias[i % length]);
};

const layerNormWeightGrad: ReferenceKernel = ({ types: [type], inputs: [x, dy, statistics], output }) => {
  const { length } = asRows(type);
  const z = normalizedBy(x, statistics, length);
  const sums = new Float64Array(length);
  for (let i = 0; i < x.length; i += 1) sums[i % length] += dy[i] * z(i);
  fill(output, (c) => sums[c]);
};

const layerNormInputGrad: ReferenceKernel = (context) => {
  const {
    types: [type],
    inputs: [dy, x, statistics, weight],
    output,
  } = context;
  const { length } = asRows(type);
  const z = normalizedBy(x, statistics, length);
  const g = (i: number) => dy[i] * weight[i % length];
  const shifts = rowMeans(x.length, length, isCentered(context) ? g : () => 0);
  const slopes = rowMeans(x.length, length, (i) => g(i) * z(i));
  fill(output, (i) => {
    const row = Math.floor(i / length);
    return statistics[2 * row + 1] * (g(i) - shifts[row] - z(i) * slopes[row]);
  });
};

export const layerNormKernels = {
  layer_norm_statistics: layerNormStatistics,
  layer_norm: layerNorm,
  layer_norm_weight_grad: layerNormWeightGrad,
  layer_norm_input_grad: layerNormInputGrad,
};
