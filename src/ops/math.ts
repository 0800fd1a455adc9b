import type { Attrs } from '../ir/types.js';
import { unary } from './unary-op.js';

/** Positive numbers, away from 0. */
const POSITIVE = { low: 0.1, high: 4 };

/** Functions of one operand that are no activations. Exponentials, logarithms and powers are f32, as under PyTorch's autocast. */
export const MATH = {
  ...unary('exp', {
    doc: 'Exponential: e^x.',
    slope: 'dy * y',
    reads: 'y',
    precision: 'full',
    read: { low: 0, high: 8 },
    cost: [8, 1],
  }),

  ...unary('log', {
    doc: 'Natural logarithm: -infinity of 0, NaN of negative numbers.',
    slope: 'dy / x',
    reads: 'x',
    precision: 'full',
    domain: POSITIVE,
    cost: [10, 1],
  }),

  ...unary('sqrt', {
    doc: 'Square root: NaN of negative numbers.',
    slope: 'dy / (2 * y), which is infinite where y is 0',
    reads: 'y',
    domain: POSITIVE,
    cost: [4, 2],
  }),

  ...unary('abs', {
    doc: 'Magnitude.',
    slope: 'dy with the sign of x, 0 where x is 0',
    reads: 'x',
  }),

  ...unary('pow', {
    doc: 'Power with a fixed exponent: x^exponent, NaN of a negative x unless the exponent is whole.',
    slope: 'dy * exponent * x^(exponent - 1)',
    reads: 'x',
    precision: 'full',
    attrs: { exponent: { kind: 'number', doc: 'rounded to f32' } },
    sampleAttrs: (random) => ({ exponent: random.pick([-2, -0.5, 0, 0.5, 1, 1.7, 2, 3, 2.5, 7]) }),
    domain: { low: 0.3, high: 2 },
    cost: [8, 9],
  }),

  ...unary('clamp', {
    doc: 'The operand where it is no less than `low` and no more than `high`, else the bound that it passed.',
    slope: 'dy where low <= x <= high, else 0',
    reads: 'x',
    attrs: {
      low: { kind: 'number', doc: 'rounded to f32; left out: no bound', optional: true },
      high: { kind: 'number', doc: 'rounded to f32; left out: no bound', optional: true },
    },
    sampleAttrs: (random) => random.pick<Attrs>([{ low: -0.3 }, { high: 0.7 }, { low: -1, high: 1 }]),
    cost: [2, 2],
  }),
};
