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
    doc: 'Gaussian error linear unit, exact: x * (1 + erf(x / sqrt(2))) / 2.',
    slope: 'dy * (Phi(x) + x * phi(x)) with the normal distribution Phi and its density phi',
    reads: 'x',
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
};
