import type { OpName } from '../ir/op-names.js';
import type { Attrs } from '../ir/types.js';
import { elements } from './constraints.js';
import type { GradientRule, OpDefinition, SampleRandom } from './op.js';
import { f32, sampleShape } from './sample.js';
import type { OpTraits } from './traits.js';

interface ActivationExtras {
  readonly attrs?: OpDefinition['attrs'];
  readonly sampleAttrs?: (random: SampleRandom) => Attrs;
  /** Bound of sampled values. */
  readonly range?: number;
  /** Rough cost per element. */
  readonly cost?: number;
  readonly traits?: OpTraits;
}

function activation(doc: string, gradient: GradientRule, extras: ActivationExtras = {}): OpDefinition<'elementwise'> {
  const { attrs = {}, sampleAttrs, range = 3, cost = 1, traits = {} } = extras;
  return {
    doc,
    kind: 'elementwise',
    ...traits,
    constraints: {},
    operands: [{ name: 'x', format: 'class' }],
    attrs,
    precision: 'follow',
    result: 'class',
    shape: ([x]) => x.shape,
    gradient,
    flops: ([x]) => cost * elements(x),
    sample: (random) => ({
      types: [f32(...sampleShape(random))],
      attrs: sampleAttrs?.(random) ?? {},
      domains: [{ low: -range, high: range }],
    }),
  };
}

/** A gradient that needs only the forward result. */
function fromResult(op: OpName): GradientRule {
  return ({ node, dy, emit }) => [emit(op, [dy, node.id], node.attrs, 0)];
}

/** A gradient that needs the forward operand. */
function fromOperand(op: OpName): GradientRule {
  return ({ node, dy, emit }) => [emit(op, [dy, node.inputs[0]], node.attrs, 0)];
}

const SLOPE = { slope: { kind: 'number', doc: 'factor on negative values' } } as const satisfies OpDefinition['attrs'];
const sampleSlope = (random: SampleRandom): Attrs => ({ slope: random.pick([0.01, 0.1, 0.25]) });

export const relu = activation('Rectifier: max(x, 0).', fromResult('relu_grad'));

export const relu6 = activation('Rectifier with a ceiling: min(max(x, 0), 6).', fromResult('relu6_grad'), { range: 9, cost: 2 });

/** x / 2 * (1 + erf(x / sqrt(2))), Hendrycks and Gimpel 2016. */
export const gelu = activation('Gaussian error linear unit, exact: x * (1 + erf(x / sqrt(2))) / 2.', fromOperand('gelu_grad'), {
  cost: 12,
});

export const silu = activation('Sigmoid linear unit: x / (1 + exp(-x)).', fromOperand('silu_grad'), { cost: 8 });

export const sigmoid = activation('Logistic function: 1 / (1 + exp(-x)).', fromResult('sigmoid_grad'), {
  range: 5,
  cost: 7,
  traits: { probabilities: 'independent' },
});

export const tanh = activation('Hyperbolic tangent.', fromResult('tanh_grad'), { cost: 8 });

export const leakyRelu = activation('Rectifier that keeps a slope: x where x > 0, else slope * x.', fromOperand('leaky_relu_grad'), {
  attrs: SLOPE,
  sampleAttrs: sampleSlope,
  cost: 2,
});
