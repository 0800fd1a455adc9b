import { FLOAT_TYPES } from '../../ir/types.js';
import { type AttributeTable, anyOf } from '../../ops/kernel-attributes.js';

const convolution = ['stride', 'padding'];
const pool = ['window', 'stride', 'padding'];
const adam = anyOf('beta1', 'beta2', 'eps', 'weight_decay', 'guarded', 'writes');

/** What the kernels of `reference` implement. */
export const ATTRIBUTES: AttributeTable = {
  input: anyOf('name'),
  state: anyOf('name', 'role', 'init', 'value'),
  constant: anyOf('value'),
  normalize: anyOf('mean', 'std'),

  conv2d: anyOf(...convolution),
  conv2d_input_grad: anyOf(...convolution, 'size'),
  conv2d_weight_grad: anyOf(...convolution, 'kernel'),

  max_pool2d: anyOf(...pool),
  max_pool2d_index: anyOf(...pool),
  max_pool2d_grad: anyOf(...pool, 'size'),
  avg_pool2d: anyOf(...pool),
  avg_pool2d_grad: anyOf(...pool, 'size'),
  global_avg_pool_grad: anyOf('size'),

  batch_norm: anyOf('eps'),
  batch_norm_weight_grad: anyOf('eps'),
  batch_norm_input_grad: anyOf('eps'),
  running_update: anyOf('momentum', 'correction', 'writes'),
  layer_norm_statistics: anyOf('eps'),

  leaky_relu: anyOf('slope'),
  leaky_relu_grad: anyOf('slope'),
  scale: anyOf('factor'),
  cast: { to: FLOAT_TYPES },
  dropout: anyOf('rate', 'seed', 'salt'),
  reshape: anyOf('shape'),
  concat: anyOf('axis'),
  slice: anyOf('axis', 'start', 'size'),

  cross_entropy: anyOf('label_smoothing'),
  cross_entropy_grad: anyOf('label_smoothing'),
  scale_loss: anyOf('factor'),
  scale_loss_grad: anyOf('factor'),
  clip_by_norm: anyOf('max'),
  update_scale: anyOf('growth', 'backoff', 'interval', 'floor', 'cap', 'writes'),

  accumulate: anyOf('writes'),
  reset: anyOf('writes'),
  advance: anyOf('writes'),
  sgd: anyOf('momentum', 'nesterov', 'weight_decay', 'guarded', 'writes'),
  adam,
  adamw: adam,
  lion: anyOf('beta1', 'beta2', 'weight_decay', 'guarded', 'writes'),
};
