import type { LayerDefinition, LayerParam } from '../layer.js';
import { constrain } from '../op.js';
import { pair, resolvePadding, windowAttrs } from '../window.js';
import { needsImage } from './image.js';

const POOL_PARAMS = [
  { name: 'kernel', kind: 'pair', min: 1, doc: 'height and width of the window' },
  { name: 'stride', kind: 'pair', min: 1, default: 'kernel', doc: 'step of the window; by default windows do not overlap' },
  { name: 'padding', kind: 'padding', min: 0, default: 0, doc: 'cells around the image, or `same`, or `valid`' },
] as const satisfies readonly LayerParam[];

function pool(op: 'max_pool2d' | 'avg_pool2d'): LayerDefinition['build'] {
  return ({ input, args, emit, type }) => {
    const { shape } = type(input);
    needsImage(op, op, shape);
    const window = pair(args.kernel);
    const stride = args.stride === 'kernel' ? window : pair(args.stride);
    return emit(op, [input], { window, ...windowAttrs(stride, resolvePadding(args.padding, shape, window, stride)) });
  };
}

export const maxPool2dLayer: LayerDefinition = {
  doc: 'The largest value of each window.',
  params: POOL_PARAMS,
  example: 'x |> max_pool2d(2)',
  build: pool('max_pool2d'),
};

export const avgPool2dLayer: LayerDefinition = {
  doc: 'The mean of each window, padding counted in (as PyTorch).',
  params: POOL_PARAMS,
  example: 'x |> avg_pool2d(2)',
  build: pool('avg_pool2d'),
};

export const globalAvgPoolLayer: LayerDefinition = {
  doc: 'The mean of each channel over the whole image.',
  params: [],
  example: 'x |> global_avg_pool |> linear(10)',
  build: ({ input, emit, type }) => {
    needsImage('global_avg_pool', 'global_avg_pool', type(input).shape);
    return emit('global_avg_pool', [input]);
  },
};

export const globalMaxPoolLayer: LayerDefinition = {
  doc: 'The largest value of each channel of an image. Equal ones share the gradient evenly, as in torch.amax.',
  params: [],
  example: 'x |> global_max_pool |> linear(10)',
  build: ({ input, emit, type }) => {
    needsImage('max_pool2d', 'global_max_pool', type(input).shape);
    return emit('max', [input], { axes: [1, 2], keep: false });
  },
};

function adaptivePool(op: 'max_pool2d' | 'avg_pool2d', layer: string): LayerDefinition['build'] {
  return ({ input, args, emit, type }) => {
    const { shape } = type(input);
    needsImage(op, layer, shape);
    const size = pair(args.size);
    const window = size.map((count, axis) => shape[axis + 1]! / count);
    constrain(
      window.every(Number.isInteger),
      'adaptive_pool_layer_c1',
      () => `an image of ${shape[1]}x${shape[2]} cannot be cut into ${size[0]}x${size[1]} windows of one size`,
    );
    return emit(op, [input], { window, ...windowAttrs(window, [0, 0, 0, 0]) });
  };
}

const ADAPTIVE_PARAMS = [
  { name: 'size', kind: 'pair', min: 1, doc: 'height and width of the result, which divide those of the image' },
] as const;

export const adaptiveAvgPool2dLayer: LayerDefinition = {
  doc: 'The means of windows that cut the image into as many rows and columns as the result is to have.',
  params: ADAPTIVE_PARAMS,
  example: 'x |> adaptive_avg_pool2d([2, 2]) |> flatten',
  build: adaptivePool('avg_pool2d', 'adaptive_avg_pool2d'),
};

export const adaptiveMaxPool2dLayer: LayerDefinition = {
  doc: 'The largest values of windows that cut the image into as many rows and columns as the result is to have.',
  params: ADAPTIVE_PARAMS,
  example: 'x |> adaptive_max_pool2d([2, 2]) |> flatten',
  build: adaptivePool('max_pool2d', 'adaptive_max_pool2d'),
};
