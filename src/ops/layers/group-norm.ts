import { elementCount, type Shape, type ValueId } from '../../ir/types.js';
import { INIT } from '../initializers.js';
import type { LayerContext, LayerDefinition } from '../layer.js';
import { constrain } from '../op.js';
import { biasOf, constantOf, EPS, SCALE, SHIFT, SHIFT_INIT, weightOf } from './norm-parameters.js';

/**
 * Brings the values of each group of neighbouring channels of an image, [..., channels], to mean 0 and variance 1. A group is a row of a
 * layer_norm that learns nothing: so mean, deviation and gradient are computed as in its ops, in f32 whatever the policy.
 */
function byGroup(context: LayerContext, groups: number): ValueId {
  const { input, args, emit, type } = context;
  const { shape } = type(input);
  const [batch, channels] = [shape[0]!, shape.at(-1)!];
  const positions = elementCount(shape) / batch / channels;
  const width = channels / groups;
  const size = positions * width;
  // Rows are in place already where a group is the whole image, or an image one position.
  const apart = positions > 1 && groups > 1;
  const exchanged = (x: ValueId, before: Shape): ValueId =>
    apart ? emit('transpose', [emit('reshape', [x], { shape: before })], { axes: [0, 2, 1, 3] }) : x;

  const rows = emit('reshape', [exchanged(input, [batch, positions, groups, width])], { shape: [batch, groups, size] });
  const statistics = emit('layer_norm_statistics', [rows], { eps: args.eps as number });
  const normalized = emit('layer_norm', [rows, statistics, constantOf(context, 1, [size]), constantOf(context, 0, [size])]);
  return emit('reshape', [exchanged(normalized, [batch, groups, positions, width])], { shape });
}

function valuesOfImage({ input, type }: LayerContext): number {
  return elementCount(type(input).shape.slice(1));
}

/** Scales and shifts each channel, where the layer learns that. */
function byChannel(context: LayerContext, x: ValueId): ValueId {
  const { args, emit, type } = context;
  const { shape } = type(x);
  const channels = [shape.at(-1)!];
  const repeated = (id: ValueId): ValueId => emit('broadcast', [id], { shape });
  const scaled = args.scale === true ? emit('mul', [x, repeated(weightOf(context, channels))]) : x;
  return args.shift === true ? emit('add', [scaled, repeated(biasOf(context, channels))]) : scaled;
}

export const groupNormLayer: LayerDefinition = {
  doc:
    'Normalizes the channels of each image in groups of neighbours, each over all positions, then scales and shifts each channel (Wu ' +
    'and He 2018). It is the same in training and evaluation, and in batches of any size.',
  params: [
    { name: 'groups', kind: 'int', min: 1, doc: 'how many; they divide the channels. 1: the whole image together' },
    EPS(1e-5),
    SCALE,
    SHIFT,
    INIT,
    SHIFT_INIT,
  ],
  example: 'x |> conv2d(64, kernel: 3, padding: 1, bias: false) |> group_norm(32) as norm1 |> relu',
  build: (context) => {
    const { input, args, type } = context;
    const groups = args.groups as number;
    const channels = type(input).shape.at(-1)!;
    constrain(channels % groups === 0, 'group_norm_layer_c1', () => `${channels} channels do not make ${groups} groups of equal size`);
    const values = valuesOfImage(context);
    constrain(values > groups, 'group_norm_layer_c2', () => `each of the ${groups} groups has one value of an image`);
    return byChannel(context, byGroup(context, groups));
  },
};

export const instanceNormLayer: LayerDefinition = {
  doc:
    'Normalizes each channel of each image over its positions (Ulyanov, Vedaldi and Lempitsky 2016). As in PyTorch it keeps no running ' +
    'statistics, and learns a scale and a shift only if asked to.',
  params: [EPS(1e-5), { ...SCALE, default: false }, { ...SHIFT, default: false }, INIT, SHIFT_INIT],
  example: 'x |> conv2d(64, kernel: 3, padding: 1, bias: false) |> instance_norm |> relu',
  build: (context) => {
    const channels = context.type(context.input).shape.at(-1)!;
    constrain(valuesOfImage(context) > channels, 'instance_norm_layer_c1', 'each channel has one value of an image');
    return byChannel(context, byGroup(context, channels));
  },
};
