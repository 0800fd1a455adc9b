import type { Attrs } from '../ir/types.js';
import { unary } from './unary-op.js';

/** Activations: ops of one operand that keep its format. */
export const ACTIVATIONS = {
  ...unary('relu', {
    doc: 'Rectifier: max(x, 0).',
    slope: 'dy where y > 0, else 0',
    reads: 'y',
    read: { low: -1, high: 2 },
  }),

  ...unary('relu6', {
    doc: 'Rectifier with a ceiling: min(max(x, 0), 6).',
    slope: 'dy where 0 < y < 6, else 0',
    reads: 'y',
    domain: { low: -9, high: 9 },
    read: { low: -2, high: 8 },
    cost: [2, 2],
  }),

  /** x / 2 * (1 + erf(x / sqrt(2))), Hendrycks and Gimpel 2016. */
  ...unary('gelu', {
    doc: 'Gaussian error linear unit, exact: x * (1 + erf(x / sqrt(2))) / 2; or x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2.',
    slope: 'dy * (Phi(x) + x * phi(x)) with the normal distribution Phi and its density phi, or that of the approximation',
    reads: 'x',
    attrs: { approximate: { kind: 'string', doc: 'tanh; left out: exact', optional: true } },
    sampleAttrs: (random) => random.pick<Attrs>([{ approximate: 'tanh' }, {}]),
    cost: [12, 20],
  }),

  ...unary('silu', {
    doc: 'Sigmoid linear unit: x / (1 + exp(-x)).',
    slope: 'dy * s * (1 + x * (1 - s)) with s = sigmoid(x)',
    reads: 'x',
    cost: [8, 12],
  }),

  ...unary('sigmoid', {
    doc: 'Logistic function: 1 / (1 + exp(-x)).',
    slope: 'dy * y * (1 - y)',
    reads: 'y',
    domain: { low: -5, high: 5 },
    read: { low: 0, high: 1 },
    cost: [7, 3],
    traits: { probabilities: 'independent' },
  }),

  ...unary('tanh', {
    doc: 'Hyperbolic tangent.',
    slope: 'dy * (1 - y * y)',
    reads: 'y',
    read: { low: -1, high: 1 },
    cost: [8, 3],
  }),

  ...unary('leaky_relu', {
    doc: 'Rectifier that keeps a slope: x where x > 0, else slope * x.',
    slope: 'dy where x > 0, else slope * dy',
    reads: 'x',
    attrs: { slope: { kind: 'number', doc: 'factor on negative values' } },
    sampleAttrs: (random) => ({ slope: random.pick([0.01, 0.1, 0.25]) }),
    read: { low: -2, high: 2 },
    cost: [2, 2],
  }),

  /** Howard et al. 2019, "Searching for MobileNetV3". */
  ...unary('hardswish', {
    doc: 'Piecewise silu: x * min(max(x + 3, 0), 6) / 6.',
    slope: 'dy * (x / 3 + 1 / 2) where -3 < x < 3, else dy above and 0 below',
    reads: 'x',
    domain: { low: -5, high: 5 },
    cost: [5, 5],
  }),

  ...unary('hardsigmoid', {
    doc: 'Piecewise sigmoid: min(max(x + 3, 0), 6) / 6.',
    slope: 'dy / 6 where -3 < x < 3, else 0',
    reads: 'x',
    domain: { low: -5, high: 5 },
    cost: [4, 3],
  }),

  /** elu of Clevert et al. 2016 (scale and input_scale 1), selu of Klambauer et al. 2017, celu of Barron 2017 (input_scale 1 / alpha). */
  ...unary('elu', {
    doc: 'Exponential linear unit: scale * x where x > 0, else scale * alpha * (e^(input_scale * x) - 1).',
    slope: 'dy * scale where x > 0, else dy * scale * alpha * input_scale * e^(input_scale * x)',
    reads: 'x',
    attrs: {
      alpha: { kind: 'number', doc: 'what is approached far below 0, negative' },
      scale: { kind: 'number', doc: 'factor on all results' },
      input_scale: { kind: 'number', doc: 'factor on negative operands' },
    },
    sampleAttrs: (random) => ({ alpha: random.pick([1, 0.5, 1.67]), scale: random.pick([1, 1.05]), input_scale: random.pick([1, 2]) }),
    cost: [12, 11],
  }),

  /** Misra 2019. */
  ...unary('mish', {
    doc: 'Smooth rectifier that dips below 0: x * tanh(softplus(x)).',
    slope: 'dy * (t + x * sigmoid(x) * (1 - t^2)) with t = tanh(softplus(x))',
    reads: 'x',
    cost: [13, 18],
  }),

  ...unary('softplus', {
    doc: 'Smooth rectifier: ln(1 + e^(beta * x)) / beta; x where beta * x > threshold.',
    slope: 'dy * sigmoid(beta * x); dy where beta * x > threshold',
    reads: 'x',
    precision: 'full',
    attrs: {
      beta: { kind: 'number', doc: 'factor on the operand, above 0' },
      threshold: { kind: 'number', doc: 'beta * x from which on the result is x' },
    },
    sampleAttrs: (random) => ({ beta: random.pick([0.5, 1, 3]), threshold: 20 }),
    cost: [20, 9],
  }),

  ...unary('softsign', {
    doc: 'Sigmoid with slow tails: x / (1 + |x|).',
    slope: 'dy / (1 + |x|)^2',
    reads: 'x',
    cost: [3, 4],
  }),
};
