import { numbersAttr } from '../../ir/types.js';
import { asRows, type Elements, forEachTap, type ReferenceKernel, windowGeometry } from './kernel.js';

/** out[outAt + k] += x * row[rowAt + k] for k < length. */
function addMultiple(out: Float64Array, outAt: number, x: number, row: Elements, rowAt: number, length: number): void {
  for (let k = 0; k < length; k += 1) out[outAt + k] += x * row[rowAt + k];
}

function dot(a: Elements, aAt: number, b: Elements, bAt: number, length: number): number {
  let sum = 0;
  for (let k = 0; k < length; k += 1) sum += a[aAt + k] * b[bAt + k];
  return sum;
}

/** Sums of `size` results, with the bias of each output channel already in them. */
function startSums(size: number, channels: number, bias: Elements | undefined): Float64Array {
  const sums = new Float64Array(size);
  if (bias !== undefined) for (let i = 0; i < size; i += 1) sums[i] = bias[i % channels];
  return sums;
}

const conv2d: ReferenceKernel = ({ node, type, types: [image, kernel], inputs: [x, w, bias], output }) => {
  const inChannels = image.shape[3];
  const outChannels = type.shape[3];
  const sums = startSums(output.length, outChannels, bias);
  forEachTap(windowGeometry(node, image, type, kernel.shape), (result, pixel, tap) => {
    for (let c = 0; c < inChannels; c += 1) {
      addMultiple(sums, result * outChannels, x[pixel * inChannels + c], w, (tap * inChannels + c) * outChannels, outChannels);
    }
  });
  output.set(sums);
};

const conv2dInputGrad: ReferenceKernel = ({ node, type, types: [result, kernel], inputs: [dy, w], output }) => {
  const inChannels = type.shape[3];
  const outChannels = result.shape[3];
  const sums = new Float64Array(output.length);
  forEachTap(windowGeometry(node, type, result, kernel.shape), (position, pixel, tap) => {
    for (let c = 0; c < inChannels; c += 1) {
      sums[pixel * inChannels + c] += dot(dy, position * outChannels, w, (tap * inChannels + c) * outChannels, outChannels);
    }
  });
  output.set(sums);
};

const conv2dWeightGrad: ReferenceKernel = ({ node, types: [image, result], inputs: [x, dy], output }) => {
  const inChannels = image.shape[3];
  const outChannels = result.shape[3];
  const sums = new Float64Array(output.length);
  forEachTap(windowGeometry(node, image, result, numbersAttr(node.attrs, 'kernel')), (position, pixel, tap) => {
    for (let c = 0; c < inChannels; c += 1) {
      addMultiple(sums, (tap * inChannels + c) * outChannels, x[pixel * inChannels + c], dy, position * outChannels, outChannels);
    }
  });
  output.set(sums);
};

const linear: ReferenceKernel = ({ types: [xType, wType], inputs: [x, w, bias], output }) => {
  const [batch, inputs] = xType.shape;
  const outputs = wType.shape[1];
  const sums = startSums(output.length, outputs, bias);
  for (let n = 0; n < batch; n += 1) {
    for (let i = 0; i < inputs; i += 1) addMultiple(sums, n * outputs, x[n * inputs + i], w, i * outputs, outputs);
  }
  output.set(sums);
};

const linearInputGrad: ReferenceKernel = ({ types: [dyType, wType], inputs: [dy, w], output }) => {
  const [batch, outputs] = dyType.shape;
  const inputs = wType.shape[0];
  for (let n = 0; n < batch; n += 1) {
    for (let i = 0; i < inputs; i += 1) output[n * inputs + i] = dot(dy, n * outputs, w, i * outputs, outputs);
  }
};

const linearWeightGrad: ReferenceKernel = ({ types: [xType, dyType], inputs: [x, dy], output }) => {
  const [batch, inputs] = xType.shape;
  const outputs = dyType.shape[1];
  const sums = new Float64Array(output.length);
  for (let n = 0; n < batch; n += 1) {
    for (let i = 0; i < inputs; i += 1) addMultiple(sums, i * outputs, x[n * inputs + i], dy, n * outputs, outputs);
  }
  output.set(sums);
};

const sumToChannel: ReferenceKernel = ({ types: [type], inputs: [x], output }) => {
  const { rows, length } = asRows(type);
  const sums = new Float64Array(length);
  for (let row = 0; row < rows; row += 1) addMultiple(sums, 0, 1, x, row * length, length);
  output.set(sums);
};

export const contractionKernels = {
  conv2d,
  conv2d_input_grad: conv2dInputGrad,
  conv2d_weight_grad: conv2dWeightGrad,
  linear,
  linear_input_grad: linearInputGrad,
  linear_weight_grad: linearWeightGrad,
  sum_to_channel: sumToChannel,
};
