import type { RankShare } from '../../ir/ranks.js';
import type { Attrs, Shape, ValueId } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import { INIT } from '../initializers.js';
import type { LayerContext, LayerDefinition, LayerParam } from '../layer.js';
import { constrain } from '../op.js';
import { formatShape } from '../window.js';
import { resolveSorted } from './axes.js';
import { biasOf, EPS, SCALE, SHIFT, SHIFT_INIT, weightOf } from './norm-parameters.js';

const AXES: LayerParam = {
  name: 'axes',
  kind: 'axes',
  min: -4,
  max: 3,
  default: -1,
  doc: 'what is normalized together: the last axis, or the last ones, such as [0, 1, 2] for a whole image',
};

/** A norm along the last axes: `center` as in the ops of layer_norm, and whether something is added. */
function alongAxes(context: LayerContext, center: boolean, shifted?: boolean): ValueId {
  const { input, args, emit, type } = context;
  const { shape } = type(input);
  const given = typeof args.axes === 'number' ? [args.axes] : (args.axes as readonly number[]);
  const axes = resolveSorted('layer_norm_axes_c1', given, shape);
  const last = shape.length - axes.length;
  constrain(
    axes.every((axis, i) => axis === last + i),
    'layer_norm_axes_c1',
    () => `the axes ${formatShape(axes.map((axis) => axis - 1))} of ${formatShape(shape.slice(1))} are not its last ones`,
  );
  const normalized = shape.slice(last);
  const row = (id: ValueId, before: Shape): ValueId =>
    normalized.length === 1 ? id : emit('reshape', [id], { shape: [...before, elementCount(normalized)] });
  const x = row(input, shape.slice(0, last));
  const [weight, bias] = [row(weightOf(context, normalized), []), row(biasOf(context, normalized, shifted), [])];
  const how: Attrs = center ? {} : { center };
  const y = emit('layer_norm', [x, emit('layer_norm_statistics', [x], { eps: args.eps as number, ...how }), weight, bias], how);
  return normalized.length === 1 ? y : emit('reshape', [y], { shape });
}

export const layerNormLayer: LayerDefinition = {
  doc:
    'Normalizes each position over its channels, or each image over its features, then scales and shifts each channel (Ba, Kiros ' +
    'and Hinton 2016). Over several axes, each place along them has a scale and a shift.',
  params: [EPS(1e-5), AXES, SCALE, SHIFT, INIT, SHIFT_INIT],
  example: 'x |> linear(256) |> layer_norm as norm1 |> gelu',
  build: (context) => alongAxes(context, true),
};

export const rmsNormLayer: LayerDefinition = {
  doc:
    'Divides by the root mean square over the channels, then scales each channel (Zhang and Sennrich 2019). As in PyTorch, `eps` is ' +
    'by default the distance from 1 to the next f32.',
  params: [EPS(1.1920929e-7), AXES, SCALE, INIT],
  example: 'x |> linear(256) |> rms_norm as norm1',
  build: (context) => alongAxes(context, false, false),
};

/** The mean over the images of all ranks, of the mean over those of each: the step waits for it. */
function sumOfShares({ emit }: LayerContext, mean: ValueId, { ranks, share }: RankShare): ValueId {
  const own = emit('scale', [mean], { factor: share });
  return emit('all_reduce', [own], { ranks, wire: 'f32', order: 'rank', urgent: true });
}

export const batchNormLayer: LayerDefinition = {
  doc:
    'Normalizes each channel, then scales and shifts it (Ioffe and Szegedy 2015). Training uses the statistics of the batch, ' +
    'evaluation running means of them.',
  params: [
    { name: 'momentum', kind: 'number', min: 0, max: 1, default: 0.1, doc: "share of a batch's statistics in the running ones" },
    EPS(1e-5),
    SCALE,
    SHIFT,
    INIT,
    SHIFT_INIT,
    {
      name: 'sync',
      kind: 'boolean',
      default: false,
      doc: 'where several ranks train together: take the statistics over the images of all, not over those of each',
    },
  ],
  example: 'x |> conv2d(64, kernel: 3, padding: 1, bias: false) |> batch_norm as bn1 |> relu',
  build: (context) => {
    const { mode, input, args, path, emit, statistic, type } = context;
    const { shape } = type(input);
    const channels = shape[shape.length - 1];
    const [weight, bias] = [weightOf(context, [channels]), biasOf(context, [channels])];
    const runningMean = statistic('running_mean', [channels], { kind: 'constant', value: 0 });
    const runningVariance = statistic('running_var', [channels], { kind: 'constant', value: 1 });
    const attrs = { eps: args.eps as number };
    const frozen = [runningMean, runningVariance].some((id) => context.builder.node(id).attrs.frozen === true);
    if (mode === 'eval' || frozen) return emit('batch_norm', [input, runningMean, runningVariance, weight, bias], attrs);
    const count = elementCount(shape) / channels;
    constrain(count > 1, 'batch_norm_layer_c1', 'batch_norm needs more than one value per channel to train: a larger batch or image');
    const all = args.sync === true ? context.share : undefined;
    const overRanks = (statistic: ValueId): ValueId => (all === undefined ? statistic : sumOfShares(context, statistic, all));
    const mean = overRanks(emit('channel_mean', [input]));
    const variance = overRanks(emit('channel_variance', [input, mean]));
    const y = emit('batch_norm', [input, mean, variance, weight, bias], attrs);
    const momentum = args.momentum as number;
    emit('running_update', [runningMean, mean], { momentum, correction: 1, writes: [`${path}.running_mean`] });
    const values = all === undefined ? count : (count / shape[0]!) * all.images;
    emit('running_update', [runningVariance, variance], { momentum, correction: values / (values - 1), writes: [`${path}.running_var`] });
    return y;
  },
};
