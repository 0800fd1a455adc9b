import type { OpName } from '../ir/op-names.js';
import type { DType, TensorType } from '../ir/types.js';
import { COMPUTE_TYPES, isFloat, numberAttr, stringAttr } from '../ir/types.js';
import { elements, isScalar, sameShapes } from './constraints.js';
import { constrain, type GradientRule, type OpDefinition, type SampleRandom, type ValueDomain } from './op.js';
import { f32, sampleShape, tensor } from './sample.js';

type Elementwise = OpDefinition<'elementwise'>;

/** Sampled divisors: away from 0. */
const DIVISOR: ValueDomain = { low: 0.5, high: 3 };

function binary(name: string, doc: string, gradient: GradientRule, divisor?: ValueDomain): Elementwise {
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
      return { types: [type, type], attrs: {}, domains: [undefined, divisor] };
    },
  };
}

interface Read {
  readonly name: string;
  readonly domain?: ValueDomain;
}

/** A gradient op of such an op: dy, and what it reads as it is stored. */
function binaryGrad(name: OpName, of: NonNullable<Elementwise['gradientOf']>, doc: string, reads: readonly Read[]): Elementwise {
  const operands = [{ name: 'dy' }, ...reads];
  const label = `${name}_c1`;
  return {
    doc,
    kind: 'elementwise',
    gradientOf: of,
    constraints: { [label]: `dy and ${reads.map((read) => read.name).join(' and ')} have the same shape` },
    operands: operands.map(({ name }, i) => ({ name, format: i === 0 ? 'class' : 'exact' })),
    attrs: {},
    precision: 'promote',
    result: 'class',
    shape: (types) => {
      sameShapes(label, ...types);
      return types[0].shape;
    },
    gradient: 'none',
    flops: ([dy]) => reads.length * elements(dy),
    sample: (random) => {
      const type = f32(...sampleShape(random));
      return { types: operands.map(() => type), attrs: {}, domains: [undefined, ...reads.map(({ domain }) => domain)] };
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

export const div = binary(
  'div',
  'Quotient of two tensors of one shape, element by element.',
  ({ node, dy, needs, emit }) => [
    needs(0) ? emit('div_dividend_grad', [dy, node.inputs[1]], {}, 0) : undefined,
    needs(1) ? emit('div_divisor_grad', [dy, node.id, node.inputs[1]], {}, 1) : undefined,
  ],
  DIVISOR,
);

/** The divisor is read as it is stored: rounded to the format of a low gradient, it could become 0. */
export const divDividendGrad = binaryGrad('div_dividend_grad', { op: 'div', operand: 'a' }, 'Gradient of div by the dividend: dy / b.', [
  { name: 'b', domain: DIVISOR },
]);

export const divDivisorGrad = binaryGrad('div_divisor_grad', { op: 'div', operand: 'b' }, 'Gradient of div by the divisor: -dy * y / b.', [
  { name: 'y' },
  { name: 'b', domain: DIVISOR },
]);

/** The gradient op takes the operand first whose gradient it is. */
function choosing(op: 'maximum' | 'minimum', than: 'larger' | 'smaller'): readonly [Elementwise, Elementwise] {
  const gradientName = `${op}_grad` as const;
  const choice = binary(op, `The ${than} of two elements; NaN where either is.`, ({ node: { inputs }, dy, needs, emit }) => [
    needs(0) ? emit(gradientName, [dy, inputs[0], inputs[1]], {}, 0) : undefined,
    needs(1) ? emit(gradientName, [dy, inputs[1], inputs[0]], {}, 1) : undefined,
  ]);
  const doc = `Gradient of ${op} by its operand own: dy where own is ${than} than other, dy / 2 where they are equal, else 0.`;
  return [choice, binaryGrad(gradientName, { op, operand: 'a' }, doc, [{ name: 'own' }, { name: 'other' }])];
}

export const [maximum, maximumGrad] = choosing('maximum', 'larger');
export const [minimum, minimumGrad] = choosing('minimum', 'smaller');

/** y = x * f32(factor). */
export const scale: Elementwise = {
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

/** y = x * factor: unlike mul's, the factor has no say in the format of the result. */
export const scaleBy: Elementwise = {
  doc: 'Product of a tensor and f32 factors that nobody learns, in the format of the tensor.',
  kind: 'elementwise',
  constraints: { scale_by_c1: 'x and factor have the same shape' },
  operands: [
    { name: 'x', format: 'class' },
    { name: 'factor', format: 'f32' },
  ],
  attrs: {},
  precision: 'follow',
  result: 'class',
  shape: ([x, factor]) => {
    sameShapes('scale_by_c1', x, factor);
    return x.shape;
  },
  gradient: ({ node, dy, emit }) => [emit('scale_by', [dy, node.inputs[1]], {}, 0), undefined],
  sample: (random) => {
    const type = f32(...sampleShape(random));
    return { types: [type, type], attrs: {} };
  },
};

/** y = x + f32(offset). */
export const shift: Elementwise = {
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
export const cast: Elementwise = {
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
export const dropout: Elementwise = {
  doc: 'Zeroes each element with probability `rate` and divides the others by 1 - rate; the same seed, salt and step give the same zeros.',
  kind: 'elementwise',
  dropsElements: true,
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
    first: { kind: 'number', doc: 'added to the index: of several ranks, what those before have of the batch', optional: true },
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
