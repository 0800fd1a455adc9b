import type { Shape } from '../../ir/types.js';
import type { LayerContext, LayerDefinition, LayerParam } from '../layer.js';
import { constrain } from '../op.js';
import { pair, resolvePadding, windowAttrs } from '../window.js';
import { needsImage } from './image.js';

const POOL_PARAMS = [
  { name: 'kernel', kind: 'pair', min: 1, doc: 'height and width of the window' },
  { name: 'stride', kind: 'pair', min: 1, default: 'kernel', doc: 'step of the window; by default windows do not overlap' },
  { name: 'padding', kind: 'padding', min: 0, default: 0, doc: 'cells around the image, or `same`, or `valid`' },
] as const satisfies readonly LayerParam[];

/** What a pool's arguments say of its windows over an image. */
function windowsOf(shape: Shape, args: LayerContext['args']) {
  const window = pair(args.kernel);
  const stride = args.stride === 'kernel' ? window : pair(args.stride);
  return { window, stride, padding: resolvePadding(args.padding, shape, window, stride) };
}

/**
 * Padding with as many cells more behind the image as its last window reaches beyond, if that begins within the image or the padding
 * before it.
 */
function ceiled(shape: Shape, { window, stride, padding }: ReturnType<typeof windowsOf>): readonly number[] {
  const behind = ([0, 1] as const).map((axis) => {
    const [before, after] = [padding[2 * axis]!, padding[2 * axis + 1]!];
    const size = shape[axis + 1]! + before;
    const last = Math.ceil((size + after - window[axis]) / stride[axis]) * stride[axis];
    const begins = last < size ? last : last - stride[axis];
    return Math.max(after, begins + window[axis] - size);
  });
  return [padding[0], behind[0]!, padding[2], behind[1]!];
}

export const maxPool2dLayer: LayerDefinition = {
  doc: 'The largest value of each window.',
  params: [
    ...POOL_PARAMS,
    {
      name: 'ceil_mode',
      kind: 'boolean',
      default: false,
      doc: 'whether a last window may reach beyond the image and its padding (as PyTorch)',
    },
  ],
  example: 'x |> max_pool2d(2)',
  build: ({ input, args, emit, type }) => {
    const { shape } = type(input);
    needsImage('max_pool2d', 'max_pool2d', shape);
    const windows = windowsOf(shape, args);
    const { window, stride, padding } = windows;
    constrain(
      padding.every((cells, side) => cells * 2 <= window[side < 2 ? 0 : 1]),
      'max_pool2d_c5',
      `the padding must be at most half of the ${window[0]}x${window[1]} window`,
    );
    return emit('max_pool2d', [input], { window, ...windowAttrs(stride, args.ceil_mode === true ? ceiled(shape, windows) : padding) });
  },
};

export const avgPool2dLayer: LayerDefinition = {
  doc: 'The mean of each window, padding counted in (as PyTorch).',
  params: POOL_PARAMS,
  example: 'x |> avg_pool2d(2)',
  build: ({ input, args, emit, type }) => {
    const { shape } = type(input);
    needsImage('avg_pool2d', 'avg_pool2d', shape);
    const { window, stride, padding } = windowsOf(shape, args);
    return emit('avg_pool2d', [input], { window, ...windowAttrs(stride, padding) });
  },
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
