import { numbersAttr } from '../ir/types.js';
import { lastAxis } from './constraints.js';
import { constrain, type OpDefinition } from './op.js';
import { sampleImage, tensor } from './sample.js';

function declaredShape(): never {
  throw new Error('the type of a source is declared on its node');
}

export const input: OpDefinition<'source'> = {
  doc: 'A value that the host passes with every call.',
  kind: 'source',
  constraints: {},
  operands: [],
  attrs: { name: { kind: 'string', doc: 'name in the call' } },
  precision: 'fixed',
  result: 'class',
  shape: declaredShape,
  gradient: 'none',
  sample: 'none',
};

export const state: OpDefinition<'source'> = {
  doc: 'A tensor that persists between calls; reads the value from before the call.',
  kind: 'source',
  constraints: {},
  operands: [],
  attrs: {
    name: { kind: 'string', doc: 'name in checkpoints' },
    role: { kind: 'string', doc: 'parameter, statistic, average, optimizer, gradient, pending, scaler or copy' },
    init: { kind: 'string', doc: 'constant, uniform, normal, truncated_normal, orthogonal, dirac or whiten' },
    value: { kind: 'number', doc: 'the constant, bound of [-value, value), standard deviation, gain, number of groups, or eps' },
    trained: { kind: 'boolean', doc: 'of what is frozen: it was not always, and its average goes on', optional: true },
    frozen: { kind: 'boolean', doc: 'of a parameter: it has no gradient; of a running statistic: it stays as it is', optional: true },
    limit: { kind: 'number', doc: 'of truncated_normal: the largest magnitude', optional: true },
    rest: { kind: 'string', doc: 'of dirac: how outputs start that pass nothing on; left out: as 0', optional: true },
    rest_value: { kind: 'number', doc: 'the `value` of that', optional: true },
    images: { kind: 'number', doc: 'of whiten: how many training images are looked at, the first ones', optional: true },
    of: { kind: 'string', doc: 'of a copy: the state that it is, rounded, from when that is written', optional: true },
  },
  precision: 'fixed',
  result: 'class',
  shape: declaredShape,
  gradient: 'none',
  sample: 'none',
};

export const constant: OpDefinition<'source'> = {
  doc: 'A tensor whose elements are all the same number.',
  kind: 'source',
  constraints: {},
  operands: [],
  attrs: { value: { kind: 'number', doc: 'every element' } },
  precision: 'fixed',
  result: 'class',
  shape: declaredShape,
  gradient: 'none',
  sample: 'none',
};

/** y = x * f32(1 / (255 * std[c])) - f32(mean[c] / std[c]), which is (x / 255 - mean[c]) / std[c] without a division per pixel. */
export const normalize: OpDefinition<'elementwise'> = {
  doc: 'Turns bytes into floats with a mean and a standard deviation per channel: (x / 255 - mean[c]) / std[c].',
  kind: 'elementwise',
  alwaysFinite: true,
  perChannel: true,
  constraints: {
    normalize_c1: 'image has at least one axis',
    normalize_c2: 'mean and std have one number per channel',
  },
  operands: [{ name: 'image', format: 'u8' }],
  attrs: {
    mean: { kind: 'numbers', doc: 'per channel, in the range 0..1' },
    std: { kind: 'numbers', doc: 'per channel, in the range 0..1' },
  },
  precision: 'source',
  result: 'class',
  shape: ([image], attrs) => {
    const channels = lastAxis('normalize_c1', 'the image', image);
    for (const name of ['mean', 'std']) {
      const count = numbersAttr(attrs, name).length;
      constrain(count === channels, 'normalize_c2', () => `${name} has ${count} numbers, the image ${channels} channels`);
    }
    return image.shape;
  },
  gradient: 'none',
  flops: (_types, _attrs, result) => 2 * result.shape.reduce((a, b) => a * b, 1),
  sample: (random) => {
    const shape = sampleImage(random);
    const channels = shape[3];
    return {
      types: [tensor('u8', ...shape)],
      attrs: {
        mean: Array.from({ length: channels }, () => random.real(0.3, 0.6)),
        std: Array.from({ length: channels }, () => random.real(0.2, 0.5)),
      },
      domains: [{ low: 0, high: 255 }],
    };
  },
};
