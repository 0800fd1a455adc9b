import { MUON_RATES, type OptimizerSpec } from '../../ir/optimizer.js';
import { type Words, word } from '../setting.js';

const LR = { kind: 'number', min: 0, doc: 'learning rate' } as const;

const decay = (value: number) =>
  ({
    weight_decay: { kind: 'number', default: value, min: 0, doc: 'decay of all parameters' },
    decay_norms: {
      kind: 'boolean',
      default: true,
      doc: 'false: only weights decay, not the scales and shifts of normalisations, biases, nor values of `param`',
    },
  }) as const;

/** As `decay` was written. */
function decayOf(args: {
  readonly weight_decay: number;
  readonly decay_norms: boolean;
}): Pick<OptimizerSpec, 'weightDecay' | 'decayNorms'> {
  return { weightDecay: args.weight_decay, ...(!args.decay_norms && { decayNorms: false }) };
}

function adam<const Kind extends 'adam' | 'adamw'>(kind: Kind, weightDecay: number, doc: string) {
  const params = {
    lr: { ...LR, default: 1e-3 },
    beta1: { kind: 'number', default: 0.9, min: 0, below: 1, doc: 'memory of the mean of gradients' },
    beta2: { kind: 'number', default: 0.999, min: 0, below: 1, doc: 'memory of the mean of squares' },
    eps: { kind: 'number', default: 1e-8, min: 0, doc: 'added to the denominator' },
    amsgrad: { kind: 'boolean', default: false, doc: 'Reddi et al. 2018: divide by the largest mean of squares so far' },
    ...decay(weightDecay),
  } as const;
  return word(doc, params, ({ lr, beta1, beta2, eps, amsgrad, ...rest }) => {
    return { kind, lr, beta1, beta2, eps, ...(amsgrad && { amsgrad: true as const }), ...decayOf(rest) };
  });
}

export const OPTIMIZERS = {
  sgd: word(
    'stochastic gradient descent',
    {
      lr: LR,
      momentum: { kind: 'number', default: 0, min: 0, below: 1, doc: 'memory of past gradients' },
      nesterov: { kind: 'boolean', default: false, doc: 'look ahead; needs momentum' },
      ...decay(0),
    },
    ({ lr, momentum, nesterov, ...rest }, { sink, span }) => {
      if (nesterov && momentum === 0)
        sink.error('AMP4009', span, '`nesterov` needs `momentum`', {
          why: 'it looks ahead along the momentum, and that is 0',
          fix: 'add `momentum: 0.9`, or remove `nesterov`',
        });
      return { kind: 'sgd', lr, momentum, nesterov, ...decayOf(rest) };
    },
  ),
  adam: adam('adam', 0, 'Kingma and Ba 2015; weight decay is added to the gradient'),
  adamw: adam('adamw', 0.01, 'Loshchilov and Hutter 2019; weight decay is applied to the parameter'),
  lion: word(
    'Chen et al. 2023; steps of size `lr` by the sign of a mean of gradients; weight decay is applied to the parameter',
    {
      lr: { ...LR, default: 1e-4 },
      beta1: { kind: 'number', default: 0.9, min: 0, below: 1, doc: 'memory of the mean whose sign is taken' },
      beta2: { kind: 'number', default: 0.99, min: 0, below: 1, doc: 'memory of the mean that is kept' },
      ...decay(0),
    },
    ({ lr, beta1, beta2, ...rest }) => ({ kind: 'lion', lr, beta1, beta2, ...decayOf(rest) }),
  ),
  rmsprop: word(
    'Tieleman and Hinton 2012; weight decay is added to the gradient',
    {
      lr: { ...LR, default: 1e-2 },
      alpha: { kind: 'number', default: 0.99, min: 0, below: 1, doc: 'memory of the mean of squares' },
      eps: { kind: 'number', default: 1e-8, min: 0, doc: 'added to the denominator' },
      momentum: { kind: 'number', default: 0, min: 0, below: 1, doc: 'memory of past steps' },
      centered: { kind: 'boolean', default: false, doc: 'divide by the deviation: the mean of gradients is taken off their squares' },
      ...decay(0),
    },
    ({ lr, alpha, eps, momentum, centered, ...rest }) => ({ kind: 'rmsprop', lr, alpha, eps, momentum, centered, ...decayOf(rest) }),
  ),
  muon: word(
    'Jordan et al. 2024; steps along the nearest orthogonal matrix, of weights alone; weight decay is applied to the parameter',
    {
      lr: { ...LR, default: 1e-3 },
      momentum: { kind: 'number', default: 0.95, min: 0, below: 1, doc: 'memory of past gradients' },
      nesterov: { kind: 'boolean', default: true, doc: 'look ahead' },
      steps: { kind: 'int', default: 5, min: 1, max: 100, doc: 'steps of Newton and Schulz towards the orthogonal matrix' },
      eps: { kind: 'number', default: 1e-7, min: 0, doc: 'added to the norm of the direction' },
      adjust: {
        kind: 'word',
        words: MUON_RATES,
        default: 'original',
        doc: 'what the rate is times: the root of max(1, outputs / inputs), 0.2 times the root of the larger of both, or 1',
      },
      renormalize: { kind: 'boolean', default: false, doc: "true: before each step a weight's norm becomes the root of its outputs" },
      ...decay(0.1),
    },
    ({ lr, momentum, nesterov, steps, eps, adjust, renormalize, ...rest }) => {
      return { kind: 'muon', lr, momentum, nesterov, steps, eps, adjust, renormalize, ...decayOf(rest) };
    },
  ),
} satisfies Words<OptimizerSpec>;
