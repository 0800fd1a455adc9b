import type { Shape, TensorType } from '../ir/types.js';
import { sameShape } from '../ir/types.js';
import { hasShape, isMatrix, lastAxis } from './constraints.js';
import { type ContractionDefinition, flopsOf, type GeometryRule, productGeometry } from './contraction-geometry.js';
import { constrain, type SampleRandom } from './op.js';
import { f32, sampleChannels } from './sample.js';
import { formatShape } from './window.js';

function sampleSizes(random: SampleRandom): [rows: readonly number[], inputs: number, outputs: number] {
  const rows = [random.int(1, 5), ...random.pick([[], [], [random.int(1, 4)], [random.int(1, 3), random.int(1, 3)]])];
  return [rows, random.pick([1, 3, 8, 20, 33]), sampleChannels(random)];
}

/** All axes but the last. */
function rowsOf({ shape }: TensorType): Shape {
  return shape.slice(0, -1);
}

const forward: GeometryRule = ([x, , bias], _attrs, y) =>
  productGeometry({ computes: 'y', operands: bias === undefined ? ['x', 'w'] : ['x', 'w', 'bias'] }, x.shape, y.shape);

const inputGradient: GeometryRule = ([dy], _attrs, dx) => productGeometry({ computes: 'x', operands: ['y', 'w'] }, dx.shape, dy.shape);

const weightGradient: GeometryRule = ([x, dy]) => productGeometry({ computes: 'w', operands: ['x', 'y'] }, x.shape, dy.shape);

/** y[...,o] = bias[o] + sum over i of x[...,i] * weight[i,o]. */
export const linear: ContractionDefinition = {
  doc: 'Matrix product of activations [..., in] with a weight [in, out], plus a bias per output, accumulated in f32.',
  kind: 'contraction',
  epilogue: 'elements',
  constraints: {
    linear_c1: 'x is [..., in]',
    linear_c2: 'weight is [in, out]',
    linear_c3: 'the weight takes as many features as x has',
    linear_c4: 'bias is [out]',
  },
  operands: [
    { name: 'x', format: 'class' },
    { name: 'weight', format: 'class' },
    { name: 'bias', format: 'accumulator', optional: true },
  ],
  attrs: {},
  precision: 'low',
  result: 'class',
  shape: ([x, weight, bias]) => {
    const features = lastAxis('linear_c1', 'the input', x);
    isMatrix('linear_c2', 'the weight', weight);
    const [inputs, outputs] = weight.shape;
    constrain(inputs === features, 'linear_c3', () => `the weight takes ${inputs} features, the input has ${features}`);
    if (bias !== undefined) hasShape('linear_c4', 'the bias', bias, [outputs]);
    return [...rowsOf(x), outputs];
  },
  gradient: ({ node, dy, needs, emit }) => {
    const [x, weight] = node.inputs;
    return [
      needs(0) ? emit('linear_input_grad', [dy, weight], {}, 0) : undefined,
      needs(1) ? emit('linear_weight_grad', [x, dy], {}, 1) : undefined,
      node.inputs.length > 2 && needs(2) ? emit('sum_to_channel', [dy], {}, 2) : undefined,
    ];
  },
  geometry: forward,
  flops: flopsOf(forward),
  sample: (random) => {
    const [rows, inputs, outputs] = sampleSizes(random);
    const types = [f32(...rows, inputs), f32(inputs, outputs)];
    return { types: random.pick([true, false]) ? [...types, f32(outputs)] : types, attrs: {} };
  },
};

/** dx[...,i] = sum over o of dy[...,o] * weight[i,o]. */
export const linearInputGrad: ContractionDefinition = {
  doc: 'Gradient of linear with respect to its input: dy times the transposed weight, accumulated in f32.',
  kind: 'contraction',
  gradientOf: { op: 'linear', operand: 'x' },
  epilogue: 'elements',
  constraints: {
    linear_input_grad_c1: 'dy is [..., out]',
    linear_input_grad_c2: 'weight is [in, out]',
    linear_input_grad_c3: 'dy has as many features as the weight gives',
  },
  operands: [
    { name: 'dy', format: 'class' },
    { name: 'weight', format: 'class' },
  ],
  attrs: {},
  precision: 'low',
  result: 'class',
  shape: ([dy, weight]) => {
    const features = lastAxis('linear_input_grad_c1', 'dy', dy);
    isMatrix('linear_input_grad_c2', 'the weight', weight);
    const [inputs, outputs] = weight.shape;
    constrain(outputs === features, 'linear_input_grad_c3', () => `the weight gives ${outputs} features, dy has ${features}`);
    return [...rowsOf(dy), inputs];
  },
  gradient: 'none',
  geometry: inputGradient,
  flops: flopsOf(inputGradient),
  sample: (random) => {
    const [rows, inputs, outputs] = sampleSizes(random);
    return { types: [f32(...rows, outputs), f32(inputs, outputs)], attrs: {} };
  },
};

/** dweight[i,o] = sum over all leading axes of x[...,i] * dy[...,o]. */
export const linearWeightGrad: ContractionDefinition = {
  doc: 'Gradient of linear with respect to its weight: transposed x times dy, accumulated in f32 over all leading axes.',
  kind: 'contraction',
  gradientOf: { op: 'linear', operand: 'weight' },
  constraints: {
    linear_weight_grad_c1: 'x is [..., in]',
    linear_weight_grad_c2: 'dy is [..., out]',
    linear_weight_grad_c3: 'x and dy have the same leading axes',
  },
  operands: [
    { name: 'x', format: 'class' },
    { name: 'dy', format: 'class' },
  ],
  attrs: {},
  precision: 'low',
  result: 'accumulator',
  shape: ([x, dy]) => {
    const inputs = lastAxis('linear_weight_grad_c1', 'x', x);
    const outputs = lastAxis('linear_weight_grad_c2', 'dy', dy);
    const [of, from] = [rowsOf(x), rowsOf(dy)];
    constrain(sameShape(of, from), 'linear_weight_grad_c3', () => `x has ${formatShape(of)} rows, dy ${formatShape(from)}`);
    return [inputs, outputs];
  },
  gradient: 'none',
  geometry: weightGradient,
  flops: flopsOf(weightGradient),
  sample: (random) => {
    const [rows, inputs, outputs] = sampleSizes(random);
    return { types: [f32(...rows, inputs), f32(...rows, outputs)], attrs: {} };
  },
};
