import type { LossKind, LossSpec, LostLossPolicy } from '../../ir/program.js';
import { type Word, word } from '../setting.js';

export const LOSSES = {
  cross_entropy: word(
    'negative log likelihood of the softmax',
    {
      label_smoothing: { kind: 'number', default: 0, min: 0, below: 1, doc: 'share of the target spread over all classes' },
    },
    ({ label_smoothing }) => ({ kind: 'cross_entropy', labelSmoothing: label_smoothing }),
  ),
  mse: word('squared distance to the one-hot label, mean over the classes as well', {}, () => ({ kind: 'mse', labelSmoothing: 0 })),
  binary_cross_entropy: word(
    'each class a yes or no of its own, with the sigmoid of its logit; mean over the classes as well. Of a model that ends with ' +
      '`sigmoid` it reads the logits before it',
    {},
    () => ({ kind: 'binary_cross_entropy', labelSmoothing: 0 }),
  ),
} satisfies { readonly [Kind in LossKind]: Word<LossSpec & { readonly kind: Kind }> };

export const LOST_LOSS = {
  stop: word('the run ends, says where it comes from, and keeps the checkpoint and the weights from before', {}, () => 'stop'),
  continue: word('the run warns once and goes on; weights and checkpoints that are not finite are not written', {}, () => 'continue'),
} satisfies { readonly [Policy in LostLossPolicy]: Word<Policy> };
