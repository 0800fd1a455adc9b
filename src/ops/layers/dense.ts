import type { LayerDefinition } from '../layer.js';
import { constrain } from '../op.js';
import { formatShape } from '../window.js';

export const linearLayer: LayerDefinition = {
  doc: "Every output is a weighted sum of all inputs. Weights start uniform within 1/sqrt(inputs), PyTorch's default.",
  params: [
    { name: 'features', kind: 'int', min: 1, doc: 'outputs' },
    { name: 'bias', kind: 'boolean', default: true, doc: 'add a bias per output' },
  ],
  example: 'x |> flatten |> linear(128) as fc1',
  build: ({ input, args, emit, parameter, type }) => {
    const { shape } = type(input);
    constrain(shape.length === 2, 'linear_c1', () => `linear needs a list of features, not ${formatShape(shape.slice(1))}`);
    const inputs = shape[1];
    const features = args.features as number;
    const init = { kind: 'uniform', bound: 1 / Math.sqrt(inputs) } as const;
    const operands = [input, parameter('weight', [inputs, features], init)];
    if (args.bias === true) operands.push(parameter('bias', [features], init));
    return emit('linear', operands);
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
