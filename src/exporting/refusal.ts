import { OP_NAMES, type OpName } from '../ir/op-names.js';

/** Why a format has no form of an op. */
export interface Refusal {
  readonly refused: string;
}

export function isRefusal<T extends object>(entry: T | Refusal): entry is Refusal {
  return 'refused' in entry;
}

/** Every gradient, by its name. */
type Gradient = Extract<OpName, `${string}_grad`>;

const isGradient = (op: OpName): op is Gradient => op.endsWith('_grad');

/** What else the graph of an evaluation, from the image to the logits, has none of. */
const TRAINING = [
  'sum_to_channel',
  'max_pool2d_index',
  'max_ties',
  'channel_mean',
  'channel_variance',
  'running_update',
  'dropout',
  'cross_entropy',
  'label_weight',
  'mse',
  'l1',
  'huber',
  'binary_cross_entropy',
  'focal',
  'correct_count',
  'scale_loss',
  'all_finite',
  'unscale',
  'global_norm',
  'clip_by_norm',
  'over_norm',
  'update_scale',
  'all_reduce',
  'accumulate',
  'reset',
  'advance',
  'sgd',
  'adam',
  'adamw',
  'lion',
  'rmsprop',
  'muon',
  'update_average',
  'look_ahead',
  'count_average',
] as const satisfies readonly OpName[];

type TrainingOp = Gradient | (typeof TRAINING)[number];

export const TRAINING_ONLY = Object.fromEntries(
  [...OP_NAMES.filter(isGradient), ...TRAINING].map((op) => [
    op,
    { refused: 'it belongs to training, and an exported model only evaluates' },
  ]),
) as Readonly<Record<TrainingOp, Refusal>>;
