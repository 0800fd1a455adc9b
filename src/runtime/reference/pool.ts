import { numbersAttr, type Shape } from '../../ir/types.js';
import { axisTaps } from '../../ops/index.js';
import { type WindowPlaces, windowsAlong } from '../../ops/mean-windows.js';
import { fill, forEachTap, type KernelContext, type ReferenceKernel, type WindowGeometry, windowGeometry } from './kernel.js';

function forwardGeometry({ node, type, types: [image] }: KernelContext): WindowGeometry {
  return windowGeometry(node, image, type, numbersAttr(node.attrs, 'window'));
}

function backwardGeometry({ node, type, types: [result] }: KernelContext): WindowGeometry {
  return windowGeometry(node, type, result, numbersAttr(node.attrs, 'window'));
}

/** Maximum of every window and its first position in the window. A NaN beats every number, and nothing beats a NaN. */
function maxima(context: KernelContext): { best: Float64Array; index: Uint8Array } {
  const [x] = context.inputs;
  const geometry = forwardGeometry(context);
  const { channels } = geometry;
  const best = new Float64Array(context.output.length).fill(-Infinity);
  const index = new Uint8Array(context.output.length);
  let previous = -1;
  forEachTap(geometry, (result, pixel, tap) => {
    const first = result !== previous;
    previous = result;
    for (let c = 0; c < channels; c += 1) {
      const value = x[pixel * channels + c];
      const at = result * channels + c;
      if (first || value > best[at] || (Number.isNaN(value) && !Number.isNaN(best[at]))) {
        best[at] = value;
        index[at] = tap;
      }
    }
  });
  return { best, index };
}

const maxPool2d: ReferenceKernel = (context) => context.output.set(maxima(context).best);

const maxPool2dIndex: ReferenceKernel = (context) => context.output.set(maxima(context).index);

const maxPool2dGrad: ReferenceKernel = (context) => {
  const [dy, index] = context.inputs;
  const geometry = backwardGeometry(context);
  const { channels } = geometry;
  const sums = new Float64Array(context.output.length);
  forEachTap(geometry, (result, pixel, tap) => {
    for (let c = 0; c < channels; c += 1) {
      if (index[result * channels + c] === tap) sums[pixel * channels + c] += dy[result * channels + c];
    }
  });
  context.output.set(sums);
};

const avgPool2d: ReferenceKernel = (context) => {
  const [x] = context.inputs;
  const geometry = forwardGeometry(context);
  const { channels, windowRows, windowColumns } = geometry;
  const sums = new Float64Array(context.output.length);
  forEachTap(geometry, (result, pixel) => {
    for (let c = 0; c < channels; c += 1) sums[result * channels + c] += x[pixel * channels + c];
  });
  fill(context.output, (i) => sums[i] / (windowRows * windowColumns));
};

const avgPool2dGrad: ReferenceKernel = (context) => {
  const [dy] = context.inputs;
  const geometry = backwardGeometry(context);
  const { channels, windowRows, windowColumns } = geometry;
  const sums = new Float64Array(context.output.length);
  forEachTap(geometry, (result, pixel) => {
    for (let c = 0; c < channels; c += 1) sums[pixel * channels + c] += dy[result * channels + c];
  });
  fill(context.output, (i) => sums[i] / (windowRows * windowColumns));
};

const globalAvgPool: ReferenceKernel = ({ types: [image], inputs: [x], output }) => {
  const [batch, height, width, channels] = image.shape;
  const sums = new Float64Array(output.length);
  for (let pixel = 0; pixel < batch * height * width; pixel += 1) {
    const at = Math.floor(pixel / (height * width)) * channels;
    for (let c = 0; c < channels; c += 1) sums[at + c] += x[pixel * channels + c];
  }
  fill(output, (i) => sums[i] / (height * width));
};

const globalAvgPoolGrad: ReferenceKernel = ({ type, inputs: [dy], output }) => {
  const [, height, width, channels] = type.shape;
  const pixels = height * width;
  fill(output, (i) => dy[Math.floor(i / (pixels * channels)) * channels + (i % channels)] / pixels);
};

/** Along rows and columns: each window's places and by what their sum is divided. */
function windowsOf({ node, types }: KernelContext): readonly (readonly WindowPlaces[])[] {
  return axisTaps(node, types)!.map((axis) => (axis.kind === 'mean' ? windowsAlong(axis.windows) : []));
}

/** Calls back for each place of the image in each window. */
function forEachPlace(context: KernelContext, image: Shape, visit: (pixel: number, result: number, count: number) => void): void {
  const [rows, columns] = windowsOf(context) as [readonly WindowPlaces[], readonly WindowPlaces[]];
  const [batch, height, width] = image as [number, number, number];
  for (let n = 0; n < batch; n += 1)
    for (const [i, down] of rows.entries())
      for (const [j, across] of columns.entries())
        for (let h = down.from; h < down.to; h += 1)
          for (let w = across.from; w < across.to; w += 1)
            visit((n * height + h) * width + w, (n * rows.length + i) * columns.length + j, down.count * across.count);
}

const meanPool: ReferenceKernel = (context) => {
  const {
    types,
    inputs: [x],
    output,
  } = context;
  const channels = types[0].shape[3];
  const sums = new Float64Array(output.length);
  forEachPlace(context, types[0].shape, (pixel, result, count) => {
    for (let c = 0; c < channels; c += 1) sums[result * channels + c] += x[pixel * channels + c] / count;
  });
  output.set(sums);
};

const meanPoolGrad: ReferenceKernel = (context) => {
  const {
    type,
    inputs: [dy],
    output,
  } = context;
  const channels = type.shape[3];
  const sums = new Float64Array(output.length);
  forEachPlace(context, type.shape, (pixel, result, count) => {
    for (let c = 0; c < channels; c += 1) sums[pixel * channels + c] += dy[result * channels + c] / count;
  });
  output.set(sums);
};

export const poolKernels = {
  clipped_avg_pool2d: meanPool,
  clipped_avg_pool2d_grad: meanPoolGrad,
  adaptive_avg_pool2d: meanPool,
  adaptive_avg_pool2d_grad: meanPoolGrad,
  max_pool2d: maxPool2d,
  max_pool2d_index: maxPool2dIndex,
  max_pool2d_grad: maxPool2dGrad,
  avg_pool2d: avgPool2d,
  avg_pool2d_grad: avgPool2dGrad,
  global_avg_pool: globalAvgPool,
  global_avg_pool_grad: globalAvgPoolGrad,
};
