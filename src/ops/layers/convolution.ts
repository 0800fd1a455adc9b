import type { ValueId } from '../../ir/types.js';
import { checkGroups, convolutionAttrs } from '../conv2d.js';
import { INIT } from '../initializers.js';
import type { LayerContext, LayerDefinition, LayerParam } from '../layer.js';
import { constrain } from '../op.js';
import { formatShape, pair, reach, resolvePadding, windowAttrs, windowOutput } from '../window.js';
import { needsImage } from './image.js';

const KERNEL: LayerParam = { name: 'kernel', kind: 'pair', min: 1, doc: 'height and width of the window' };
const STRIDE: LayerParam = { name: 'stride', kind: 'pair', min: 1, default: 1, doc: 'step of the window' };
const PADDING: LayerParam = { name: 'padding', kind: 'padding', min: 0, default: 0, doc: 'zeros around the image, or `same`, or `valid`' };
const BIAS: LayerParam = { name: 'bias', kind: 'boolean', default: true, doc: 'add a bias per channel' };
const DILATION: LayerParam = { name: 'dilation', kind: 'pair', min: 1, default: 1, doc: 'step from tap to tap of the window' };
const GROUPS: LayerParam = {
  name: 'groups',
  kind: 'int',
  min: 1,
  default: 1,
  doc: 'parts of the channels, each convolved by itself; it divides the channels of image and result',
};

/** Weight and, where asked for, bias, uniform within 1 / sqrt(fan in); `fanIn`: how many terms PyTorch counts for them. */
function parametersOf({ parameter, args }: LayerContext, weight: readonly number[], channels: number, fanIn: number): ValueId[] {
  const init = { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) } as const;
  const parameters = [parameter('weight', weight, init)];
  if (args.bias === true) parameters.push(parameter('bias', [channels], init));
  return parameters;
}

function convolve(context: LayerContext, channels: number, groups: number): ValueId {
  const { input, args, emit, type } = context;
  const { shape } = type(input);
  const kernel = pair(args.kernel);
  const [stride, dilation] = [pair(args.stride), pair(args.dilation)];
  checkGroups('conv2d', { groups }, shape[3]!, channels);
  const inputs = shape[3]! / groups;
  const padding = resolvePadding(args.padding, shape, reach(kernel, dilation), stride);
  const attrs = convolutionAttrs(windowAttrs(stride, padding), dilation, groups);
  windowOutput('conv2d', shape, kernel, attrs);
  return emit('conv2d', [input, ...parametersOf(context, [...kernel, inputs, channels], channels, kernel[0] * kernel[1] * inputs)], attrs);
}

export const conv2dLayer: LayerDefinition = {
  doc: "Convolution over an image. Weights start uniform within 1/sqrt(fan in), PyTorch's default.",
  params: [{ name: 'channels', kind: 'int', min: 1, doc: 'output channels' }, KERNEL, STRIDE, PADDING, BIAS, DILATION, GROUPS, INIT],
  example: 'x |> conv2d(32, kernel: 3, padding: 1) as conv1',
  build: (context) => {
    needsImage('conv2d', 'conv2d', context.type(context.input).shape);
    return convolve(context, context.args.channels as number, context.args.groups as number);
  },
};

export const depthwiseConv2dLayer: LayerDefinition = {
  doc: 'Convolution of each channel by itself: conv2d with as many groups as the image has channels.',
  params: [
    KERNEL,
    { name: 'multiplier', kind: 'int', min: 1, default: 1, doc: 'output channels for each channel of the image' },
    STRIDE,
    PADDING,
    BIAS,
    DILATION,
    INIT,
  ],
  example: 'x |> depthwise_conv2d(3, padding: 1) |> conv2d(64, kernel: 1)',
  build: (context) => {
    const { shape } = context.type(context.input);
    needsImage('conv2d', 'depthwise_conv2d', shape);
    return convolve(context, shape[3]! * (context.args.multiplier as number), shape[3]!);
  },
};

export const convTranspose2dLayer: LayerDefinition = {
  doc: "Transposed convolution: makes an image larger by its stride. Weights start uniform within 1/sqrt(fan in), PyTorch's default.",
  params: [
    { name: 'channels', kind: 'int', min: 1, doc: 'output channels' },
    KERNEL,
    { ...STRIDE, doc: 'rows and columns of the result for one of the image' },
    { name: 'padding', kind: 'pair', min: 0, default: 0, doc: 'rows and columns to leave out at each side of the result' },
    {
      name: 'output_padding',
      kind: 'pair',
      min: 0,
      default: 0,
      doc: 'rows and columns more at the bottom and right, fewer than the stride',
    },
    BIAS,
    DILATION,
    GROUPS,
    INIT,
  ],
  example: 'x |> conv_transpose2d(32, kernel: 2, stride: 2) as up1',
  build: (context) => {
    const { input, args, emit, type } = context;
    const { shape } = type(input);
    needsImage('conv_transpose2d', 'conv_transpose2d', shape);
    const channels = args.channels as number;
    const groups = checkGroups('conv_transpose2d', { groups: args.groups as number }, shape[3]!, channels);
    const kernel = pair(args.kernel);
    const [stride, padding, more, dilation] = [pair(args.stride), pair(args.padding), pair(args.output_padding), pair(args.dilation)];
    constrain(
      more.every((count, axis) => count < stride[axis]!),
      'conv_transpose2d_layer_c1',
      () => `output_padding ${formatShape(more)} is not below the stride ${formatShape(stride)}`,
    );
    const spans = reach(kernel, dilation);
    const size = spans.map((span, axis) => (shape[axis + 1]! - 1) * stride[axis]! - 2 * padding[axis]! + span + more[axis]!);
    constrain(
      size.every((count) => count >= 1),
      'conv_transpose2d_layer_c2',
      () => `the result would have ${formatShape(size)} rows and columns`,
    );
    const parameters = parametersOf(
      context,
      [...kernel, channels / groups, shape[3]!],
      channels,
      kernel[0] * kernel[1] * (channels / groups),
    );
    const attrs = convolutionAttrs(windowAttrs(stride, [padding[0], padding[0], padding[1], padding[1]]), dilation, groups);
    return emit('conv_transpose2d', [input, ...parameters], { ...attrs, size });
  },
};
