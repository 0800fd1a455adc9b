import type { OpName } from '../ir/op-names.js';
import type { Attrs } from '../ir/types.js';
import { elements, sameShapes } from './constraints.js';
import type { OpDefinition, SampleRandom } from './op.js';
import { f32, sampleShape } from './sample.js';

/** Rules of one activation's gradient op: what it reads besides dy, and from which range its samples come. */
interface Reads {
  readonly of: OpName;
  readonly doc: string;
  /** The forward result, or the forward operand. */
  readonly reads: 'y' | 'x';
  readonly low: number;
  readonly high: number;
  readonly cost?: number;
  readonly slope?: boolean;
}

function activationGrad({ of, doc, reads, low, high, cost = 1, slope = false }: Reads): OpDefinition<'elementwise'> {
  const label = `${of}_grad_c1`;
  const sampleAttrs = (random: SampleRandom): Attrs => (slope ? { slope: random.pick([0.01, 0.1]) } : {});
  return {
    doc,
    kind: 'elementwise',
    gradientOf: { op: of, operand: 'x' },
    constraints: { [label]: `dy and ${reads} have the same shape` },
    operands: [
      { name: 'dy', format: 'class' },
      { name: reads, format: 'exact' },
    ],
    attrs: slope ? { slope: { kind: 'number', doc: 'factor on negative values' } } : {},
    precision: 'follow',
    result: 'class',
    shape: ([dy, other]) => {
      sameShapes(label, dy, other);
      return dy.shape;
    },
    gradient: 'none',
    flops: ([dy]) => cost * elements(dy),
    sample: (random) => {
      const type = f32(...sampleShape(random));
      return { types: [type, type], attrs: sampleAttrs(random), domains: [undefined, { low, high }] };
    },
  };
}

export const reluGrad = activationGrad({
  of: 'relu',
  doc: 'Gradient of relu: dy where y > 0, else 0.',
  reads: 'y',
  low: -1,
  high: 2,
});

export const relu6Grad = activationGrad({
  of: 'relu6',
  doc: 'Gradient of relu6: dy where 0 < y < 6, else 0.',
  reads: 'y',
  low: -2,
  high: 8,
  cost: 2,
});

export const geluGrad = activationGrad({
  of: 'gelu',
  doc: 'Gradient of gelu: dy * (Phi(x) + x * phi(x)) with the normal distribution Phi and its density phi.',
  reads: 'x',
  low: -3,
  high: 3,
  cost: 20,
});

export const siluGrad = activationGrad({
  of: 'silu',
  doc: 'Gradient of silu: dy * s * (1 + x * (1 - s)) with s = sigmoid(x).',
  reads: 'x',
  low: -3,
  high: 3,
  cost: 12,
});

export const sigmoidGrad = activationGrad({
  of: 'sigmoid',
  doc: 'Gradient of sigmoid: dy * y * (1 - y).',
  reads: 'y',
  low: 0,
  high: 1,
  cost: 3,
});

export const tanhGrad = activationGrad({
  of: 'tanh',
  doc: 'Gradient of tanh: dy * (1 - y * y).',
  reads: 'y',
  low: -1,
  high: 1,
  cost: 3,
});

export const leakyReluGrad = activationGrad({
  of: 'leaky_relu',
  doc: 'Gradient of leaky_relu: dy where x > 0, else slope * dy.',
  reads: 'x',
  low: -2,
  high: 2,
  cost: 2,
  slope: true,
});
