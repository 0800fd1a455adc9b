import { elementCount } from '../../ir/types.js';
import { INIT } from '../initializers.js';
import type { LayerDefinition } from '../layer.js';
import { constrain } from '../op.js';

export const layerNormLayer: LayerDefinition = {
  doc:
    'Normalizes each position over its channels, or each image over its features, then scales and shifts each channel (Ba, Kiros ' +
    'and Hinton 2016).',
  params: [{ name: 'eps', kind: 'number', min: 0, max: 1, default: 1e-5, doc: 'added to the variance' }, INIT],
  example: 'x |> linear(256) |> layer_norm as norm1 |> gelu',
  build: ({ input, args, emit, parameter, type }) => {
    const channels = type(input).shape.at(-1)!;
    const weight = parameter('weight', [channels], { kind: 'constant', value: 1 });
    const bias = parameter('bias', [channels], { kind: 'constant', value: 0 });
    return emit('layer_norm', [input, emit('layer_norm_statistics', [input], { eps: args.eps as number }), weight, bias]);
  },
};

export const batchNormLayer: LayerDefinition = {
  doc:
    'Normalizes each channel, then scales and shifts it (Ioffe and Szegedy 2015). Training uses the statistics of the batch, ' +
    'evaluation running means of them.',
  params: [
    { name: 'momentum', kind: 'number', min: 0, max: 1, default: 0.1, doc: "share of a batch's statistics in the running ones" },
    { name: 'eps', kind: 'number', min: 0, max: 1, default: 1e-5, doc: 'added to the variance' },
    INIT,
  ],
  example: 'x |> conv2d(64, kernel: 3, padding: 1, bias: false) |> batch_norm as bn1 |> relu',
  build: ({ mode, input, args, path, emit, parameter, statistic, type }) => {
    const { shape } = type(input);
    const channels = shape[shape.length - 1];
    const weight = parameter('weight', [channels], { kind: 'constant', value: 1 });
    const bias = parameter('bias', [channels], { kind: 'constant', value: 0 });
    const runningMean = statistic('running_mean', [channels], { kind: 'constant', value: 0 });
    const runningVariance = statistic('running_var', [channels], { kind: 'constant', value: 1 });
    const attrs = { eps: args.eps as number };
    if (mode === 'eval') return emit('batch_norm', [input, runningMean, runningVariance, weight, bias], attrs);
    const count = elementCount(shape) / channels;
    constrain(count > 1, 'batch_norm_layer_c1', 'batch_norm needs more than one value per channel to train: a larger batch or image');
    const mean = emit('channel_mean', [input]);
    const variance = emit('channel_variance', [input, mean]);
    const y = emit('batch_norm', [input, mean, variance, weight, bias], attrs);
    const momentum = args.momentum as number;
    emit('running_update', [runningMean, mean], { momentum, correction: 1, writes: [`${path}.running_mean`] });
    emit('running_update', [runningVariance, variance], { momentum, correction: count / (count - 1), writes: [`${path}.running_var`] });
    return y;
  },
};
