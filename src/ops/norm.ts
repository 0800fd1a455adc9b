import { isState } from '../ir/structure.js';
import type { TensorType, ValueId } from '../ir/types.js';
import { elements, hasShape, lastAxis, sameShapes } from './constraints.js';
import type { OpDefinition, SampleRandom } from './op.js';
import { f32, sampleImage, sampleMatrix } from './sample.js';

const EPS = { eps: { kind: 'number', doc: 'added to the variance' } } as const satisfies OpDefinition['attrs'];
const VARIANCES = { low: 0.2, high: 2 };

function sampleActivations(random: SampleRandom): TensorType {
  return f32(...random.pick([sampleImage, sampleMatrix])(random));
}

/** y[c] = sum of x over all axes but the last. */
export const sumToChannel: OpDefinition<'reduce'> = {
  doc: 'Sum over all axes but the last, accumulated in f32: the gradient of a value that is added to every position.',
  kind: 'reduce',
  plainSum: true,
  constraints: { sum_to_channel_c1: 'x has at least one axis' },
  operands: [{ name: 'x', format: 'exact' }],
  attrs: {},
  precision: 'low',
  result: 'accumulator',
  shape: ([x]) => [lastAxis('sum_to_channel_c1', 'the input', x)],
  gradient: 'none',
  flops: ([x]) => elements(x),
  sample: (random) => ({ types: [sampleActivations(random)], attrs: {} }),
};

/** Its share of the gradient is part of `batch_norm_input_grad`. */
export const channelMean: OpDefinition<'reduce'> = {
  doc: 'Mean over all axes but the last: the batch statistic of batch_norm.',
  kind: 'reduce',
  plainMean: true,
  constraints: { channel_mean_c1: 'x has at least one axis' },
  operands: [{ name: 'x', format: 'exact' }],
  attrs: {},
  precision: 'full',
  result: 'f32',
  shape: ([x]) => [lastAxis('channel_mean_c1', 'the input', x)],
  gradient: 'none',
  flops: ([x]) => elements(x),
  sample: (random) => ({ types: [sampleActivations(random)], attrs: {} }),
};

/** variance[c] = mean of (x - mean[c])^2; its share of the gradient is part of `batch_norm_input_grad`. */
export const channelVariance: OpDefinition<'reduce'> = {
  doc: 'Biased variance over all axes but the last, about the given mean: the batch statistic of batch_norm.',
  kind: 'reduce',
  spread: true,
  aboutMean: 1,
  constraints: {
    channel_variance_c1: 'x has at least one axis',
    channel_variance_c2: 'mean is [channels]',
  },
  operands: [
    { name: 'x', format: 'exact' },
    { name: 'mean', format: 'f32' },
  ],
  attrs: {},
  precision: 'full',
  result: 'f32',
  shape: ([x, mean]) => {
    const channels = lastAxis('channel_variance_c1', 'the input', x);
    hasShape('channel_variance_c2', 'the mean', mean, [channels]);
    return [channels];
  },
  gradient: 'none',
  flops: ([x]) => 3 * elements(x),
  sample: (random) => {
    const x = sampleActivations(random);
    return { types: [x, f32(x.shape[x.shape.length - 1])], attrs: {} };
  },
};

/**
 * y = (x - mean) / sqrt(variance + eps) * weight + bias, per channel. The gradient rule takes mean and variance to be those of x, unless
 * they are states: then they are given.
 */
export const batchNorm: OpDefinition<'elementwise'> = {
  doc: 'Normalizes each channel with a mean and a variance, then scales and shifts it: (x - mean) / sqrt(variance + eps) * weight + bias.',
  kind: 'elementwise',
  perChannel: true,
  normalizes: true,
  invertsVariance: 'channels',
  constraints: {
    batch_norm_c1: 'x has at least one axis',
    batch_norm_c2: 'mean, variance, weight and bias are [channels]',
  },
  operands: [
    { name: 'x', format: 'class' },
    { name: 'mean', format: 'f32' },
    { name: 'variance', format: 'f32' },
    { name: 'weight', format: 'f32' },
    { name: 'bias', format: 'f32' },
  ],
  attrs: EPS,
  precision: 'follow',
  result: 'class',
  shape: ([x, ...perChannel]) => {
    const channels = lastAxis('batch_norm_c1', 'the input', x);
    for (const type of perChannel) hasShape('batch_norm_c2', 'each of mean, variance, weight and bias', type, [channels]);
    return x.shape;
  },
  gradient: ({ node, dy, needs, emit, builder }) => {
    const [x, mean, variance, weight] = node.inputs;
    const dweight = emit('batch_norm_weight_grad', [x, dy, mean, variance], node.attrs, 3);
    const dbias = emit('sum_to_channel', [dy], {}, 4);
    const exchange = builder.node(mean!);
    /** Where the statistics are of all ranks, so are these; the op divides by this rank's elements, which are a share of all. */
    const overRanks = (sum: ValueId): ValueId => {
      if (exchange.op !== 'all_reduce') return sum;
      const all = emit('all_reduce', [sum], exchange.attrs, undefined);
      return emit('scale', [all], builder.node(exchange.inputs[0]!).attrs, undefined);
    };
    const gradient = () => {
      const statistic = builder.node(mean!);
      if (!isState(statistic)) {
        const [sum, shift] = [overRanks(dweight), overRanks(dbias)];
        return emit('batch_norm_input_grad', [dy, x!, mean!, variance!, weight!, sum, shift], node.attrs, 0);
      }
      // dy as x is scaled, about 0.
      const zero = emit('scale', [mean!], { factor: 0 }, undefined);
      return emit('batch_norm', [dy, zero, variance!, weight!, zero], node.attrs, 0);
    };
    return [needs(0) ? gradient() : undefined, undefined, undefined, dweight, dbias];
  },
  flops: ([x]) => 4 * elements(x),
  sample: (random) => {
    const x = sampleActivations(random);
    const channel = f32(x.shape[x.shape.length - 1]);
    return { types: [x, channel, channel, channel, channel], attrs: { eps: 1e-5 }, domains: [undefined, undefined, VARIANCES] };
  },
};

/** dweight[c] = sum of dy * (x - mean[c]) / sqrt(variance[c] + eps). */
export const batchNormWeightGrad: OpDefinition<'reduce'> = {
  doc: 'Gradient of batch_norm with respect to its weight: the sum of dy times the normalized x.',
  kind: 'reduce',
  gradientOf: { op: 'batch_norm', operand: 'weight' },
  constraints: {
    batch_norm_weight_grad_c1: 'x has at least one axis',
    batch_norm_weight_grad_c2: 'mean and variance are [channels]',
    batch_norm_weight_grad_c3: 'dy has the shape of x',
  },
  operands: [
    { name: 'x', format: 'exact' },
    { name: 'dy', format: 'exact' },
    { name: 'mean', format: 'f32' },
    { name: 'variance', format: 'f32' },
  ],
  attrs: EPS,
  precision: 'full',
  result: 'f32',
  shape: ([x, dy, mean, variance]) => {
    const channels = lastAxis('batch_norm_weight_grad_c1', 'the input', x);
    sameShapes('batch_norm_weight_grad_c3', x, dy);
    hasShape('batch_norm_weight_grad_c2', 'the mean', mean, [channels]);
    hasShape('batch_norm_weight_grad_c2', 'the variance', variance, [channels]);
    return [channels];
  },
  gradient: 'none',
  flops: ([x]) => 4 * elements(x),
  sample: (random) => {
    const x = sampleActivations(random);
    const channel = f32(x.shape[x.shape.length - 1]);
    return { types: [x, x, channel, channel], attrs: { eps: 1e-5 }, domains: [undefined, undefined, undefined, VARIANCES] };
  },
};

/**
 * dx = weight / sqrt(variance + eps) * (dy - dbias / M - xhat * dweight / M), where M counts the elements of a channel and xhat is the
 * normalized x. Holds the gradient through mean and variance as well (Ioffe and Szegedy 2015).
 */
export const batchNormInputGrad: OpDefinition<'elementwise'> = {
  doc: 'Gradient of batch_norm with respect to its input, through the batch statistics as well.',
  kind: 'elementwise',
  gradientOf: { op: 'batch_norm', operand: 'x' },
  perChannel: true,
  constraints: {
    batch_norm_input_grad_c1: 'x has at least one axis',
    batch_norm_input_grad_c2: 'mean, variance, weight, dweight and dbias are [channels]',
    batch_norm_input_grad_c3: 'dy has the shape of x',
  },
  operands: [
    { name: 'dy', format: 'class' },
    { name: 'x', format: 'exact' },
    { name: 'mean', format: 'f32' },
    { name: 'variance', format: 'f32' },
    { name: 'weight', format: 'f32' },
    { name: 'dweight', format: 'f32' },
    { name: 'dbias', format: 'f32' },
  ],
  attrs: EPS,
  precision: 'follow',
  result: 'class',
  shape: ([dy, x, ...perChannel]) => {
    const channels = lastAxis('batch_norm_input_grad_c1', 'the input', x);
    sameShapes('batch_norm_input_grad_c3', x, dy);
    for (const type of perChannel) {
      hasShape('batch_norm_input_grad_c2', 'each of mean, variance, weight, dweight and dbias', type, [channels]);
    }
    return x.shape;
  },
  gradient: 'none',
  flops: ([x]) => 6 * elements(x),
  sample: (random) => {
    const x = sampleActivations(random);
    const c = f32(x.shape[x.shape.length - 1]);
    return { types: [x, x, c, c, c, c, c], attrs: { eps: 1e-5 }, domains: [undefined, undefined, undefined, VARIANCES] };
  },
};

/** running * (1 - momentum) + momentum * correction * batch; unchanged where ok is false. */
export const runningUpdate: OpDefinition<'update'> = {
  doc: 'Moves a running statistic towards the batch statistic (as PyTorch); leaves it alone in a skipped step.',
  kind: 'update',
  movesStatistic: true,
  constraints: { running_update_c1: 'running and batch have the same shape' },
  operands: [
    { name: 'running', format: 'f32' },
    { name: 'batch', format: 'f32' },
    { name: 'ok', format: 'bool', optional: true },
  ],
  attrs: {
    momentum: { kind: 'number', doc: 'share of the new statistic' },
    correction: { kind: 'number', doc: 'factor on the batch statistic: M / (M - 1) makes the biased variance unbiased' },
    writes: { kind: 'strings', doc: 'the running statistic' },
  },
  precision: 'fixed',
  result: 'f32',
  shape: ([running, batch]) => {
    sameShapes('running_update_c1', running, batch);
    return running.shape;
  },
  gradient: 'none',
  effect: true,
  flops: ([running]) => 3 * elements(running),
  sample: (random) => {
    const channels = f32(random.int(1, 40));
    const attrs = { momentum: 0.1, correction: random.pick([1, 8 / 7]), writes: ['running'] };
    return { types: random.pick([true, false]) ? [channels, channels, { dtype: 'bool', shape: [] }] : [channels, channels], attrs };
  },
};
