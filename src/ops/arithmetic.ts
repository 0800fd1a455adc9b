import type { DType, TensorType } from '../ir/types.js';
import { COMPUTE_TYPES, isFloat, numberAttr, stringAttr } from '../ir/types.js';
import { elements, isScalar, sameShapes } from './constraints.js';
import { constrain, type GradientRule, type OpDefinition, type SampleRandom } from './op.js';
import { f32, sampleShape, tensor } from './sample.js';

function binary(name: string, doc: string, gradient: GradientRule): OpDefinition<'elementwise'> {
  const label = `${name}_c1`;
  return {
    doc,
    kind: 'elementwise',
    constraints: { [label]: 'a and b have the same shape' },
    operands: [
      { name: 'a', format: 'class' },
      { name: 'b', format: 'class' },
    ],
    attrs: {},
    precision: 'promote',
    result: 'class',
    shape: ([a, b]: readonly TensorType[]) => {
      sameShapes(label, a, b);
      return a.shape;
    },
    gradient,
    sample: (random: SampleRandom) => {
      const type = f32(...sampleShape(random));
      return { types: [type, type], attrs: {} };
    },
  };
}

export const add = binary('add', 'Sum of two tensors of one shape.', ({ dy }) => [dy, dy]);

export const sub = binary('sub', 'Difference of two tensors of one shape.', ({ dy, needs, emit }) => [
  dy,
  needs(1) ? emit('scale', [dy], { factor: -1 }, 1) : undefined,
]);

export const mul = binary('mul', 'Product of two tensors of one shape, element by element.', ({ node, dy, needs, emit }) => [
  needs(0) ? emit('mul', [dy, node.inputs[1]], {}, 0) : undefined,
  needs(1) ? emit('mul', [dy, node.inputs[0]], {}, 1) : undefined,
]);

/** y = x * f32(factor). */
export const scale: OpDefinition<'elementwise'> = {
  doc: 'Product of a tensor and a fixed number.',
  kind: 'elementwise',
  constraints: {},
  operands: [{ name: 'x', format: 'class' }],
  attrs: { factor: { kind: 'number', doc: 'rounded to f32' } },
  precision: 'follow',
  result: 'class',
  shape: ([x]) => x.shape,
  gradient: ({ node, dy, emit }) => [emit('scale', [dy], node.attrs, 0)],
  sample: (random) => ({ types: [f32(...sampleShape(random))], attrs: { factor: random.pick([-1, 0.125, 0.3, 2]) } }),
};

/** y = x + f32(offset). */
export const shift: OpDefinition<'elementwise'> = {
  doc: 'Sum of a tensor and a fixed number.',
  kind: 'elementwise',
  constraints: {},
  operands: [{ name: 'x', format: 'class' }],
  attrs: { offset: { kind: 'number', doc: 'rounded to f32' } },
  precision: 'follow',
  result: 'class',
  shape: ([x]) => x.shape,
  gradient: ({ dy }) => [dy],
  sample: (random) => ({ types: [f32(...sampleShape(random))], attrs: { offset: random.pick([-1, 0.125, 0.3, 2]) } }),
};

/** Rounds to the nearest, ties to even; overflow gives an infinity. */
export const cast: OpDefinition<'elementwise'> = {
  doc: 'Rounds a tensor to another float format, or widens it without loss.',
  kind: 'elementwise',
  constraints: { cast_c1: '`to` is a float format' },
  operands: [{ name: 'x', format: 'exact' }],
  attrs: { to: { kind: 'string', doc: COMPUTE_TYPES.join(', ') } },
  precision: 'fixed',
  result: 'class',
  shape: ([x], attrs) => {
    const to = stringAttr(attrs, 'to');
    constrain(isFloat(to as DType), 'cast_c1', () => `${to} is no float format`);
    return x.shape;
  },
  gradient: ({ node, dy, emit, builder }) => [emit('cast', [dy], { to: builder.type(node.inputs[0]).dtype }, 0)],
  flops: () => 0,
  sample: (random) => ({ types: [f32(...sampleShape(random))], attrs: { to: random.pick(COMPUTE_TYPES) } }),
};

/**
 * y = x * f32(1 / (1 - rate)) where u >= rate, else 0. u is uniform in [0, 1): 24 bits of Threefry-2x32-20 with key (seed, salt) and
 * counter (index >> 1, step), word index & 1, for the row-major index of the element.
 */
export const dropout: OpDefinition<'elementwise'> = {
  doc: 'Zeroes each element with probability `rate` and divides the others by 1 - rate; the same seed, salt and step give the same zeros.',
  kind: 'elementwise',
  constraints: {
    dropout_c1: 'step is a single number',
    dropout_c2: 'rate is at least 0 and less than 1',
  },
  operands: [
    { name: 'x', format: 'class' },
    { name: 'step', format: 'i32' },
  ],
  attrs: {
    rate: { kind: 'number', doc: 'probability of a zero' },
    seed: { kind: 'number', doc: "the run's seed" },
    salt: { kind: 'number', doc: 'tells the dropouts of one model apart' },
  },
  precision: 'follow',
  result: 'class',
  shape: ([x, step], attrs) => {
    isScalar('dropout_c1', 'the step', step);
    const rate = numberAttr(attrs, 'rate');
    constrain(rate >= 0 && rate < 1, 'dropout_c2', () => `the rate ${rate} is not in 0 <= rate < 1`);
    return x.shape;
  },
  gradient: ({ node, dy, emit }) => [emit('dropout', [dy, node.inputs[1]], node.attrs, 0), undefined],
  flops: ([x]) => 2 * elements(x),
  sample: (random) => ({
    types: [f32(...sampleShape(random)), tensor('i32')],
    attrs: { rate: random.pick([0.1, 0.5]), seed: random.int(0, 1000), salt: random.int(0, 1000) },
    domains: [undefined, { low: 0, high: 100_000 }],
  }),
};
