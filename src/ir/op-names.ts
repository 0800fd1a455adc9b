/** The names of all ops, as a plan's text has them; `ops/index.ts` says what each is. */
export const OP_NAMES = [
  'input',
  'state',
  'constant',
  'normalize',

  'conv2d',
  'conv2d_input_grad',
  'conv2d_weight_grad',
  'conv_transpose2d',
  'linear',
  'linear_input_grad',
  'linear_weight_grad',
  'matmul',
  'sum_to_channel',

  'max_pool2d',
  'max_pool2d_index',
  'max_pool2d_grad',
  'avg_pool2d',
  'avg_pool2d_grad',
  'global_avg_pool',
  'global_avg_pool_grad',

  'channel_mean',
  'channel_variance',
  'batch_norm',
  'batch_norm_weight_grad',
  'batch_norm_input_grad',
  'running_update',
  'layer_norm_statistics',
  'layer_norm',
  'layer_norm_weight_grad',
  'layer_norm_input_grad',

  'relu',
  'relu_grad',
  'relu6',
  'relu6_grad',
  'gelu',
  'gelu_grad',
  'silu',
  'silu_grad',
  'sigmoid',
  'sigmoid_grad',
  'tanh',
  'tanh_grad',
  'leaky_relu',
  'leaky_relu_grad',

  'add',
  'sub',
  'mul',
  'scale',
  'cast',
  'dropout',
  'reshape',
  'concat',
  'slice',

  'softmax',
  'softmax_grad',
  'log_softmax',
  'log_softmax_grad',
  'cross_entropy',
  'cross_entropy_grad',
  'mse',
  'mse_grad',
  'binary_cross_entropy',
  'binary_cross_entropy_grad',
  'correct_count',

  'scale_loss',
  'scale_loss_grad',
  'all_finite',
  'unscale',
  'global_norm',
  'clip_by_norm',
  'update_scale',

  'accumulate',
  'reset',
  'advance',
  'sgd',
  'adam',
  'adamw',
  'lion',
] as const;

export type OpName = (typeof OP_NAMES)[number];

const KNOWN: ReadonlySet<string> = new Set(OP_NAMES);

export function isOpName(name: string): name is OpName {
  return KNOWN.has(name);
}
