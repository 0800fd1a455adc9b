import type { OpName } from '../ir/op-names.js';
import { type Attr, FLOAT_TYPES } from '../ir/types.js';

/** The attributes that a kernel implements: with every value, or with those listed. */
export type KernelAttributes = Readonly<Record<string, 'any' | readonly Attr[]>>;

/** By op: what a backend's kernel of it implements. */
export type AttributeTable = Readonly<Record<OpName, KernelAttributes>>;

/** Of a kernel whose op has no attributes. */
const none: KernelAttributes = {};

/** Attributes of which every value is known. */
function anyOf(...names: readonly string[]): KernelAttributes {
  return Object.fromEntries(names.map((name) => [name, 'any' as const]));
}

const convolution = ['stride', 'padding', 'dilation', 'groups'];
const pool = ['window', 'stride', 'padding'];
const weights = ['weights', 'ignore'];
const reduction = anyOf('axes', 'keep');
const adam = anyOf('beta1', 'beta2', 'eps', 'amsgrad', 'weight_decay', 'guarded', 'writes');

/**
 * What the kernels of all backends implement. An attribute, or a value of one, that not every backend has learnt yet stands in the tables
 * of those that have, beside this.
 */
export const KERNEL_ATTRIBUTES: AttributeTable = {
  input: anyOf('name'),
  state: anyOf('name', 'role', 'init', 'value', 'limit', 'rest', 'rest_value', 'images', 'frozen', 'trained', 'of'),
  constant: anyOf('value'),
  normalize: anyOf('mean', 'std'),

  conv2d: anyOf(...convolution),
  conv2d_input_grad: anyOf(...convolution, 'size'),
  conv2d_weight_grad: anyOf(...convolution, 'kernel'),
  conv_transpose2d: anyOf(...convolution, 'size'),
  linear: none,
  linear_input_grad: none,
  linear_weight_grad: none,
  matmul: anyOf('transposed'),
  sum_to_channel: none,

  max_pool2d: anyOf(...pool),
  max_pool2d_index: anyOf(...pool),
  max_pool2d_grad: anyOf(...pool, 'size'),
  avg_pool2d: anyOf(...pool),
  avg_pool2d_grad: anyOf(...pool, 'size'),
  clipped_avg_pool2d: anyOf('window', 'stride', 'padding', 'counted'),
  clipped_avg_pool2d_grad: anyOf('window', 'stride', 'padding', 'counted', 'size'),
  adaptive_avg_pool2d: anyOf('results'),
  adaptive_avg_pool2d_grad: anyOf('results', 'size'),
  global_avg_pool: none,
  global_avg_pool_grad: anyOf('size'),

  sum: reduction,
  mean: reduction,
  mean_grad: anyOf('axes', 'shape'),
  max: reduction,
  max_ties: reduction,
  max_grad: anyOf('axes'),

  channel_mean: none,
  channel_variance: none,
  batch_norm: anyOf('eps'),
  batch_norm_weight_grad: anyOf('eps'),
  batch_norm_input_grad: anyOf('eps'),
  running_update: anyOf('momentum', 'correction', 'writes'),
  layer_norm_statistics: anyOf('eps', 'center'),
  layer_norm: anyOf('center'),
  layer_norm_weight_grad: none,
  layer_norm_input_grad: anyOf('center'),

  relu: none,
  relu_grad: none,
  relu6: none,
  relu6_grad: none,
  gelu: { approximate: ['tanh'] },
  gelu_grad: { approximate: ['tanh'] },
  silu: none,
  silu_grad: none,
  sigmoid: none,
  sigmoid_grad: none,
  tanh: none,
  tanh_grad: none,
  leaky_relu: anyOf('slope'),
  leaky_relu_grad: anyOf('slope'),
  hardswish: none,
  hardswish_grad: none,
  hardsigmoid: none,
  hardsigmoid_grad: none,
  elu: anyOf('alpha', 'scale', 'input_scale'),
  elu_grad: anyOf('alpha', 'scale', 'input_scale'),
  mish: none,
  mish_grad: none,
  softplus: anyOf('beta', 'threshold'),
  softplus_grad: anyOf('beta', 'threshold'),
  softsign: none,
  softsign_grad: none,
  prelu: none,
  prelu_grad: none,
  prelu_slope_grad: none,

  exp: none,
  exp_grad: none,
  log: none,
  log_grad: none,
  sqrt: none,
  sqrt_grad: none,
  abs: none,
  abs_grad: none,
  pow: anyOf('exponent'),
  pow_grad: anyOf('exponent'),
  clamp: anyOf('low', 'high'),
  clamp_grad: anyOf('low', 'high'),

  add: none,
  sub: none,
  mul: none,
  div: none,
  div_dividend_grad: none,
  div_divisor_grad: none,
  maximum: none,
  maximum_grad: none,
  minimum: none,
  minimum_grad: none,
  scale: anyOf('factor'),
  scale_by: none,
  shift: anyOf('offset'),
  cast: { to: FLOAT_TYPES },
  dropout: anyOf('rate', 'seed', 'salt'),
  reshape: anyOf('shape'),
  concat: anyOf('axis'),
  slice: anyOf('axis', 'start', 'size'),
  transpose: anyOf('axes'),
  broadcast: anyOf('shape'),
  roll: anyOf('axes', 'shifts'),
  pad: anyOf('before', 'after', 'mode'),
  pad_grad: anyOf('before', 'after', 'mode'),
  upsample_nearest: anyOf('factor'),
  upsample_nearest_grad: anyOf('factor'),
  upsample_bilinear: anyOf('factor'),
  upsample_bilinear_grad: anyOf('factor'),

  softmax: anyOf('causal'),
  softmax_grad: none,
  log_softmax: none,
  log_softmax_grad: none,
  cross_entropy: anyOf('label_smoothing', ...weights),
  cross_entropy_grad: anyOf('label_smoothing', ...weights),
  label_weight: anyOf(...weights),
  mse: none,
  mse_grad: none,
  l1: none,
  l1_grad: none,
  huber: anyOf('delta'),
  huber_grad: anyOf('delta'),
  binary_cross_entropy: none,
  binary_cross_entropy_grad: none,
  focal: anyOf('gamma', 'alpha'),
  focal_grad: anyOf('gamma', 'alpha'),
  correct_count: none,

  scale_loss: anyOf('factor'),
  scale_loss_grad: anyOf('factor'),
  all_finite: none,
  unscale: none,
  global_norm: none,
  clip_by_norm: anyOf('max'),
  over_norm: anyOf('eps'),
  // Of one rank, which takes what it has; the backends that exchange with others say so.
  all_reduce: { ranks: [1], wire: ['f32'], order: ['rank'], bucket: 'any', urgent: 'any' },

  update_scale: anyOf('growth', 'backoff', 'interval', 'floor', 'cap', 'writes'),

  accumulate: anyOf('writes'),
  reset: anyOf('writes'),
  advance: anyOf('writes'),
  sgd: anyOf('momentum', 'nesterov', 'weight_decay', 'guarded', 'writes'),
  adam,
  adamw: adam,
  lion: anyOf('beta1', 'beta2', 'weight_decay', 'guarded', 'writes'),
  muon: anyOf('momentum', 'factor', 'length', 'weight_decay', 'guarded', 'writes'),
  rmsprop: anyOf('alpha', 'eps', 'momentum', 'centered', 'weight_decay', 'guarded', 'writes'),

  update_average: anyOf('mean', 'writes'),
  look_ahead: anyOf('writes'),
  count_average: anyOf('writes'),
};

/** What backends implement besides whose plans several ranks can train with. */
export const OF_RANKS = {
  all_reduce: { ranks: 'any', wire: ['f32', 'bf16', 'f16'], order: ['rank'], bucket: 'any', urgent: 'any' },
  dropout: anyOf('rate', 'seed', 'salt', 'first'),
} as const satisfies Partial<AttributeTable>;
