import type { TensorType } from '../ir/types.js';
import { elements, sameShapes } from './constraints.js';
import type { OpDefinition, OperandSpec, SampleRandom, ValueDomain } from './op.js';
import { f32, sampleShape } from './sample.js';

type Elementwise = OpDefinition<'elementwise'>;

const SLOPE: ValueDomain = { low: -0.5, high: 1 };

/** What the three have in common. Under PyTorch's autocast prelu is among the ops of low formats, unlike other activations. */
function ofNames(label: string, names: readonly string[], cost: number, domains: readonly (ValueDomain | undefined)[]) {
  return {
    kind: 'elementwise',
    constraints: { [label]: `${names.join(', ').replace(/, (\w+)$/, ' and $1')} have the same shape` },
    operands: names.map((name): OperandSpec => ({ name, format: 'class' })),
    attrs: {},
    precision: 'low',
    result: 'class',
    shape: (types: readonly TensorType[]) => {
      sameShapes(label, ...types);
      return types[0].shape;
    },
    flops: ([x]: readonly TensorType[]) => cost * elements(x),
    sample: (random: SampleRandom) => {
      const type = f32(...sampleShape(random));
      return { types: names.map(() => type), attrs: {}, domains };
    },
  } as const;
}

/** He et al. 2015, "Delving deep into rectifiers". */
export const prelu: Elementwise = {
  ...ofNames('prelu_c1', ['x', 'slope'], 2, [undefined, SLOPE]),
  doc: 'Rectifier with a learned slope: x where x > 0, else slope * x.',
  gradient: ({ node, dy, needs, emit }) => [
    needs(0) ? emit('prelu_grad', [dy, ...node.inputs], {}, 0) : undefined,
    needs(1) ? emit('prelu_slope_grad', [dy, node.inputs[0]], {}, 1) : undefined,
  ],
};

export const preluGrad: Elementwise = {
  ...ofNames('prelu_grad_c1', ['dy', 'x', 'slope'], 2, [undefined, undefined, SLOPE]),
  doc: 'Gradient of prelu by x: dy where x > 0, else slope * dy.',
  gradientOf: { op: 'prelu', operand: 'x' },
  gradient: 'none',
};

export const preluSlopeGrad: Elementwise = {
  ...ofNames('prelu_slope_grad_c1', ['dy', 'x'], 2, [undefined, undefined]),
  doc: 'Gradient of prelu by its slope: 0 where x > 0, else x * dy.',
  gradientOf: { op: 'prelu', operand: 'slope' },
  gradient: 'none',
};
