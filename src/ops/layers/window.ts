import type { Shape } from '../../ir/types.js';
import type { LayerDefinition, LayerParam } from '../layer.js';
import { constrain } from '../op.js';
import { formatShape, pair, resolvePadding, windowAttrs, windowOutput } from '../window.js';

function needsImage(op: string, shape: Shape): void {
  constrain(shape.length === 4, `${op}_c1`, () => `${op} needs an image [height, width, channels], not ${formatShape(shape.slice(1))}`);
}

export const conv2dLayer: LayerDefinition = {
  doc: "Convolution over an image. Weights start uniform within 1/sqrt(fan in), PyTorch's default.",
  params: [
    { name: 'channels', kind: 'int', min: 1, doc: 'output channels' },
    { name: 'kernel', kind: 'pair', min: 1, doc: 'height and width of the window' },
    { name: 'stride', kind: 'pair', min: 1, default: 1, doc: 'step of the window' },
    { name: 'padding', kind: 'padding', min: 0, default: 0, doc: 'zeros around the image, or `same`, or `valid`' },
    { name: 'bias', kind: 'boolean', default: true, doc: 'add a bias per channel' },
  ],
  example: 'x |> conv2d(32, kernel: 3, padding: 1) as conv1',
  build: ({ input, args, emit, parameter, type }) => {
    const shape = type(input).shape;
    needsImage('conv2d', shape);
    const [kh, kw] = pair(args.kernel);
    const stride = pair(args.stride);
    const channels = args.channels as number;
    const fanIn = kh * kw * shape[3];
    const bound = 1 / Math.sqrt(fanIn);
    const a = windowAttrs(stride, resolvePadding(args.padding, shape, [kh, kw], stride));
    windowOutput('conv2d', shape, [kh, kw], a);
    const inputs = [input, parameter('weight', [kh, kw, shape[3], channels], { kind: 'uniform', bound })];
    if (args.bias === true) inputs.push(parameter('bias', [channels], { kind: 'uniform', bound }));
    return emit('conv2d', inputs, a);
  },
};

const POOL_PARAMS = [
  { name: 'kernel', kind: 'pair', min: 1, doc: 'height and width of the window' },
  { name: 'stride', kind: 'pair', min: 1, default: 'kernel', doc: 'step of the window; by default windows do not overlap' },
  { name: 'padding', kind: 'padding', min: 0, default: 0, doc: 'cells around the image, or `same`, or `valid`' },
] as const satisfies readonly LayerParam[];

function pool(op: 'max_pool2d' | 'avg_pool2d'): LayerDefinition['build'] {
  return ({ input, args, emit, type }) => {
    const { shape } = type(input);
    needsImage(op, shape);
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
    needsImage('global_avg_pool', type(input).shape);
    return emit('global_avg_pool', [input]);
  },
};
