import { INIT } from '../initializers.js';
import type { LayerDefinition } from '../layer.js';
import { constrain } from '../op.js';
import { formatShape } from '../window.js';
import { constantOf } from './norm-parameters.js';

export const linearLayer: LayerDefinition = {
  doc:
    'Every output is a weighted sum of all inputs: of a list of features, or along the last axis of any shape. ' +
    "Weights start uniform within 1/sqrt(inputs), PyTorch's default.",
  params: [
    { name: 'features', kind: 'int', min: 1, doc: 'outputs' },
    { name: 'bias', kind: 'boolean', default: true, doc: 'add a bias per output' },
    INIT,
  ],
  example: 'x |> flatten |> linear(128) as fc1',
  build: ({ input, args, emit, parameter, type }) => {
    const inputs = type(input).shape.at(-1)!;
    const features = args.features as number;
    const init = { kind: 'uniform', bound: 1 / Math.sqrt(inputs) } as const;
    const operands = [input, parameter('weight', [inputs, features], init)];
    if (args.bias === true) operands.push(parameter('bias', [features], init));
    return emit('linear', operands);
  },
};

export const matmulLayer: LayerDefinition = {
  doc: 'Product of two matrices [rows, columns], or of as many as the axes before them count, one for each image of the batch.',
  params: [{ name: 'transpose', kind: 'boolean', default: false, doc: 'exchange rows and columns of the other one' }],
  values: { min: 1, max: 1 },
  example: 'q |> matmul(k, transpose: true) |> softmax',
  build: ({ input, values: [other], args, emit, type }) => {
    const flat = [input, other!].map((id) => type(id).shape.slice(1)).find((shape) => shape.length < 2);
    constrain(flat === undefined, 'matmul_c1', () => `matmul needs matrices [rows, columns], not ${formatShape(flat!)}`);
    const [left, right] = [input, other!].map((id) => formatShape(type(id).shape.slice(1, -2)));
    constrain(left === right, 'matmul_c2', () => `the piped value has ${left} before its last two axes, the other ${right}`);
    return emit('matmul', [input, other!], args.transpose === true ? { transposed: 'b' } : {});
  },
};

/** Huang et al. 2016, "Deep networks with stochastic depth". */
export const dropPathLayer: LayerDefinition = {
  doc:
    'Stochastic depth: in training zeroes all of an image with probability `rate`, and divides the others by 1 - rate, as timm and ' +
    'torchvision.ops.StochasticDepth by row; does nothing in evaluation. It stands at the end of a residual branch.',
  params: [{ name: 'rate', kind: 'number', min: 0, max: 0.999, doc: 'probability that an image is left out' }],
  example: 'x + (x |> conv2d(64, kernel: 3, padding: 1) |> drop_path(0.1))',
  build: (context) => {
    const { mode, input, args, seed, salt, emit, step, type } = context;
    if (mode === 'eval' || args.rate === 0) return input;
    const { shape } = type(input);
    const [batch, ...inner] = shape;
    const ones = constantOf(context, 1, [batch, ...inner.map(() => 1)]);
    const factor = emit('dropout', [ones, step()], { rate: args.rate as number, seed, salt });
    return emit('scale_by', [input, emit('broadcast', [factor], { shape })]);
  },
};

export const dropoutLayer: LayerDefinition = {
  doc: 'In training zeroes each value with probability `rate` and divides the others by 1 - rate; does nothing in evaluation.',
  params: [{ name: 'rate', kind: 'number', min: 0, max: 0.999, doc: 'probability of a zero' }],
  example: 'x |> dropout(0.5)',
  build: ({ mode, input, args, seed, salt, emit, step }) => {
    if (mode === 'eval' || args.rate === 0) return input;
    return emit('dropout', [input, step()], { rate: args.rate as number, seed, salt });
  },
};
