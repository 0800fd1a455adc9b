import type { Attrs, TensorType } from '../ir/types.js';
import { elements, hasShape, lastAxis, sameShapes } from './constraints.js';
import type { OpDefinition, SampleRandom } from './op.js';
import { f32, sampleImage, sampleMatrix } from './sample.js';

/** Of the deviations: as they come from values within -2..2. */
const STATISTICS = { low: 0.2, high: 2 };

const CENTER = {
  center: { kind: 'boolean', optional: true, doc: 'false: the mean counts as 0 and the variance is about that, as in a root mean square' },
} as const satisfies OpDefinition['attrs'];

const sampleCenter = (random: SampleRandom): Attrs => random.pick<Attrs>([{}, { center: false }]);

function statisticsShape({ shape }: TensorType): readonly number[] {
  return [...shape.slice(0, -1), 2];
}

/** Random activations, with the types of what goes with them. */
function sampleRows(random: SampleRandom) {
  const x = f32(...random.pick([sampleImage, sampleMatrix])(random));
  return { x, statistics: f32(...statisticsShape(x)), channel: f32(x.shape[x.shape.length - 1]) };
}

/** [mean, 1 / sqrt(variance + eps)] of each position, the variance biased; its share of the gradient is part of `layer_norm_input_grad`. */
export const layerNormStatistics: OpDefinition<'rows'> = {
  doc: 'Mean and inverse deviation along the last axis, [mean, 1 / sqrt(variance + eps)] of each position: the statistics of layer_norm.',
  kind: 'rows',
  invertsVariance: 'positions',
  constraints: { layer_norm_statistics_c1: 'x has at least one axis' },
  operands: [{ name: 'x', format: 'exact' }],
  attrs: { eps: { kind: 'number', doc: 'added to the variance' }, ...CENTER },
  precision: 'full',
  result: 'f32',
  shape: ([x]) => {
    lastAxis('layer_norm_statistics_c1', 'the input', x);
    return statisticsShape(x);
  },
  gradient: 'none',
  flops: ([x]) => 4 * elements(x),
  sample: (random) => ({ types: [sampleRows(random).x], attrs: { eps: 1e-5, ...sampleCenter(random) } }),
};

/**
 * y[p, c] = (x[p, c] - mean[p]) * inverse[p] * weight[c] + bias[c], statistics = [mean, inverse] (Ba, Kiros and Hinton 2016). The gradient
 * rule takes the statistics to be those of x.
 */
export const layerNorm: OpDefinition<'rows'> = {
  doc:
    'Normalizes each position along the last axis with its statistics, then scales and shifts each channel: (x - mean) * inverse * ' +
    'weight + bias.',
  kind: 'rows',
  normalizes: true,
  constraints: {
    layer_norm_c1: 'x has at least one axis',
    layer_norm_c2: 'statistics is [positions, 2]',
    layer_norm_c3: 'weight and bias are [channels]',
  },
  operands: [
    { name: 'x', format: 'exact' },
    { name: 'statistics', format: 'f32' },
    { name: 'weight', format: 'f32' },
    { name: 'bias', format: 'f32' },
  ],
  attrs: CENTER,
  precision: 'full',
  result: 'class',
  shape: ([x, statistics, ...perChannel]) => {
    const channels = lastAxis('layer_norm_c1', 'the input', x);
    hasShape('layer_norm_c2', 'the statistics', statistics, statisticsShape(x));
    for (const type of perChannel) hasShape('layer_norm_c3', 'each of weight and bias', type, [channels]);
    return x.shape;
  },
  gradient: ({ node, dy, needs, emit }) => {
    const [x, statistics, weight] = node.inputs;
    const dx = needs(0) ? emit('layer_norm_input_grad', [dy, x, statistics, weight], node.attrs, 0) : undefined;
    const dweight = needs(2) ? emit('layer_norm_weight_grad', [x, dy, statistics], {}, 2) : undefined;
    return [dx, undefined, dweight, needs(3) ? emit('sum_to_channel', [dy], {}, 3) : undefined];
  },
  flops: ([x]) => 4 * elements(x),
  sample: (random) => {
    const { x, statistics, channel } = sampleRows(random);
    return { types: [x, statistics, channel, channel], attrs: sampleCenter(random), domains: [undefined, STATISTICS] };
  },
};

/** dweight[c] = sum over p of dy[p, c] * (x[p, c] - mean[p]) * inverse[p]. */
export const layerNormWeightGrad: OpDefinition<'reduce'> = {
  doc: 'Gradient of layer_norm with respect to its weight: the sum of dy times the normalized x.',
  kind: 'reduce',
  gradientOf: { op: 'layer_norm', operand: 'weight' },
  constraints: {
    layer_norm_weight_grad_c1: 'x has at least one axis',
    layer_norm_weight_grad_c2: 'statistics is [positions, 2]',
    layer_norm_weight_grad_c3: 'dy has the shape of x',
  },
  operands: [
    { name: 'x', format: 'exact' },
    { name: 'dy', format: 'exact' },
    { name: 'statistics', format: 'f32' },
  ],
  attrs: {},
  precision: 'full',
  result: 'f32',
  shape: ([x, dy, statistics]) => {
    const channels = lastAxis('layer_norm_weight_grad_c1', 'the input', x);
    sameShapes('layer_norm_weight_grad_c3', x, dy);
    hasShape('layer_norm_weight_grad_c2', 'the statistics', statistics, statisticsShape(x));
    return [channels];
  },
  gradient: 'none',
  flops: ([x]) => 4 * elements(x),
  sample: (random) => {
    const { x, statistics } = sampleRows(random);
    return { types: [x, x, statistics], attrs: {}, domains: [undefined, undefined, STATISTICS] };
  },
};

/**
 * dx = inverse * (g - mean of g - z * mean of (g * z)), where g = dy * weight, z is the normalized x, and the means are along the last
 * axis; without `center` there is no mean of g. Holds the gradient through the statistics as well.
 */
export const layerNormInputGrad: OpDefinition<'rows'> = {
  doc: 'Gradient of layer_norm with respect to its input, through its statistics as well.',
  kind: 'rows',
  gradientOf: { op: 'layer_norm', operand: 'x' },
  constraints: {
    layer_norm_input_grad_c1: 'x has at least one axis',
    layer_norm_input_grad_c2: 'statistics is [positions, 2]',
    layer_norm_input_grad_c3: 'dy has the shape of x',
    layer_norm_input_grad_c4: 'weight is [channels]',
  },
  operands: [
    { name: 'dy', format: 'exact' },
    { name: 'x', format: 'exact' },
    { name: 'statistics', format: 'f32' },
    { name: 'weight', format: 'f32' },
  ],
  attrs: CENTER,
  precision: 'full',
  result: 'class',
  shape: ([dy, x, statistics, weight]) => {
    const channels = lastAxis('layer_norm_input_grad_c1', 'the input', x);
    sameShapes('layer_norm_input_grad_c3', x, dy);
    hasShape('layer_norm_input_grad_c2', 'the statistics', statistics, statisticsShape(x));
    hasShape('layer_norm_input_grad_c4', 'the weight', weight, [channels]);
    return x.shape;
  },
  gradient: 'none',
  flops: ([x]) => 11 * elements(x),
  sample: (random) => {
    const { x, statistics, channel } = sampleRows(random);
    return { types: [x, x, statistics, channel], attrs: sampleCenter(random), domains: [undefined, undefined, STATISTICS] };
  },
};
