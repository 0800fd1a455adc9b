import { type AuxLoss, LOSS_TARGETS, type LossSpec, type LossTarget, type LostLossPolicy } from '../../ir/program.js';
import { type Word, type Words, word } from '../setting.js';

const REDUCTION = {
  kind: 'word',
  words: ['mean', 'sum'],
  default: 'mean',
  doc: 'what is minimised: the mean, or the sum over the images, and classes, of a step',
} as const;

const TARGET = {
  kind: 'word',
  words: LOSS_TARGETS,
  default: 'label',
  doc: 'what the result is compared with: the one-hot label, or the image itself, as the model sees it',
} as const;

/** The image alone is kept: a record without it is about labels, as all others are. */
const targetOf = (target: LossTarget): { readonly target?: LossTarget } => (target === 'label' ? {} : { target });

export const LOSSES = {
  cross_entropy: word(
    'negative log likelihood of the softmax',
    {
      label_smoothing: { kind: 'number', default: 0, min: 0, below: 1, doc: 'share of the target spread over all classes' },
      weights: {
        kind: 'numbers',
        optional: true,
        min: 0,
        doc: 'what an image counts, by its class; the mean is by the sum of the weights',
      },
      ignore: { kind: 'int', optional: true, min: 0, doc: 'the class whose images count for nothing' },
      reduction: REDUCTION,
    },
    ({ label_smoothing, weights, ignore, reduction }) => ({
      kind: 'cross_entropy',
      labelSmoothing: label_smoothing,
      ...(weights !== undefined && { weights }),
      ...(ignore !== undefined && { ignore }),
      reduction,
    }),
  ),
  mse: word(
    'squared distance to the target, mean over the classes, or the numbers of an image, as well',
    { target: TARGET, reduction: REDUCTION },
    ({ target, reduction }) => ({ kind: 'mse', reduction, ...targetOf(target) }),
  ),
  l1: word(
    'distance to the target, mean over the classes, or the numbers of an image, as well',
    { target: TARGET, reduction: REDUCTION },
    ({ target, reduction }) => ({ kind: 'l1', reduction, ...targetOf(target) }),
  ),
  huber: word(
    'half the squared distance to the target, and in proportion to it beyond `delta`; mean over the classes, or the numbers of an image, ' +
      'as well',
    { delta: { kind: 'number', default: 1, above: 0, doc: 'where the square ends' }, target: TARGET, reduction: REDUCTION },
    ({ delta, target, reduction }) => ({ kind: 'huber', delta, reduction, ...targetOf(target) }),
  ),
  binary_cross_entropy: word(
    'each class a yes or no of its own, with the sigmoid of its logit; mean over the classes as well. Of a model that ends with ' +
      '`sigmoid` it reads the logits before it',
    { reduction: REDUCTION },
    ({ reduction }) => ({ kind: 'binary_cross_entropy', reduction }),
  ),
  focal: word(
    'Lin et al. 2017: `binary_cross_entropy` of which classes that are right already count little: times (1 - p)^gamma, p the ' +
      'probability of what is true',
    {
      gamma: { kind: 'number', default: 2, min: 0, max: 100, doc: 'how little; 0: all the same' },
      alpha: { kind: 'number', default: 0.25, min: 0, max: 1, doc: "weight of the label's class; the others have 1 - alpha" },
      reduction: REDUCTION,
    },
    ({ gamma, alpha, reduction }) => ({ kind: 'focal', gamma, alpha, reduction }),
  ),
} satisfies Words<LossSpec>;

const WEIGHT = { name: 'weight', kind: 'number', default: 1, above: 0, doc: 'what it counts beside the loss of the result' } as const;

/** The losses again, of a further value of the model: with a weight. */
export const AUX_LOSSES: Readonly<Record<string, Word<Omit<AuxLoss, 'of'>>>> = Object.fromEntries(
  Object.entries<Word<LossSpec>>(LOSSES).map(([name, { doc, params, read }]) => [
    name,
    { doc, params: [WEIGHT, ...params], read: (args, place) => ({ weight: args.weight as number, loss: read(args, place) }) },
  ]),
);

export const LOST_LOSS = {
  stop: word('the run ends, says where it comes from, and keeps the checkpoint and the weights from before', {}, () => 'stop'),
  continue: word('the run warns once and goes on; weights and checkpoints that are not finite are not written', {}, () => 'continue'),
} satisfies { readonly [Policy in LostLossPolicy]: Word<Policy> };
