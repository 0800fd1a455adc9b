import { elements, lastAxis, sameShapes } from './constraints.js';
import { constrain, type OpDefinition } from './op.js';
import { f32, sampleMatrix } from './sample.js';
import type { Probabilities } from './traits.js';
import { formatShape } from './window.js';

function rowOp(name: 'softmax' | 'log_softmax', probabilities: Probabilities, doc: string): OpDefinition<'rows'> {
  const label = `${name}_c1`;
  return {
    doc,
    kind: 'rows',
    probabilities,
    constraints: { [label]: 'x has at least one axis' },
    operands: [{ name: 'x', format: 'class' }],
    attrs: {},
    precision: 'full',
    result: 'class',
    shape: ([x]) => {
      lastAxis(label, 'the input', x);
      return x.shape;
    },
    gradient: ({ node, dy, emit }) => [emit(`${name}_grad`, [dy, node.id], {}, 0)],
    flops: ([x]) => 10 * elements(x),
    sample: (random) => ({ types: [f32(...sampleMatrix(random))], attrs: {}, domains: [{ low: -5, high: 5 }] }),
  };
}

function rowGradOp(of: 'softmax' | 'log_softmax', doc: string, low: number, high: number): OpDefinition<'rows'> {
  const name = `${of}_grad`;
  return {
    doc,
    kind: 'rows',
    gradientOf: { op: of, operand: 'x' },
    constraints: { [`${name}_c1`]: 'y has at least one axis', [`${name}_c2`]: 'dy and y have the same shape' },
    operands: [
      { name: 'dy', format: 'class' },
      { name: 'y', format: 'class' },
    ],
    attrs: {},
    precision: 'full',
    result: 'class',
    shape: ([dy, y]) => {
      lastAxis(`${name}_c1`, 'the forward result', y);
      sameShapes(`${name}_c2`, dy, y);
      return dy.shape;
    },
    gradient: 'none',
    flops: ([dy]) => 4 * elements(dy),
    sample: (random) => {
      const type = f32(...sampleMatrix(random));
      return { types: [type, type], attrs: {}, domains: [undefined, { low, high }] };
    },
  };
}

const plain = rowOp('softmax', 'distribution', 'Softmax along the last axis, with the maximum taken out first.');

/**
 * y[i] = exp(x[i] - max) / sum over j of exp(x[j] - max). `causal`: over the j up to the row's own place in its matrix, and y is zero
 * beyond; so is the gradient of x, which is a multiple of y.
 */
export const softmax: OpDefinition<'rows'> = {
  ...plain,
  constraints: { ...plain.constraints, softmax_c2: 'what is causal has rows, one for each position' },
  attrs: {
    causal: { kind: 'boolean', optional: true, doc: 'true: row i of each matrix counts its columns 0 to i, and is zero beyond them' },
  },
  shape: (types, attrs) => {
    const shape = plain.shape(types, attrs);
    constrain(attrs.causal !== true || shape.length >= 2, 'softmax_c2', () => `${formatShape(shape)} is no matrix, nor several`);
    return shape;
  },
  sample: (random) => {
    const matrix = sampleMatrix(random);
    const [shape, attrs] = random.pick([
      [matrix, {}],
      [matrix, { causal: true }],
      [[random.int(1, 3), ...matrix], { causal: true }],
    ] as const);
    return { types: [f32(...shape)], attrs, domains: [{ low: -5, high: 5 }] };
  },
};

/** y[i] = x[i] - max - log(sum over j of exp(x[j] - max)). */
export const logSoftmax = rowOp('log_softmax', 'logarithms', 'Logarithm of softmax along the last axis, with the maximum taken out first.');

/** dx[i] = y[i] * (dy[i] - sum over j of dy[j] * y[j]). */
export const softmaxGrad = rowGradOp('softmax', 'Gradient of softmax from its result.', 0, 1);

/** dx[i] = dy[i] - exp(y[i]) * sum over j of dy[j]. */
export const logSoftmaxGrad = rowGradOp('log_softmax', 'Gradient of log_softmax from its result.', -5, 0);
