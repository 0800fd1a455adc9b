import type { OpName } from '../../ir/op-names.js';
import type { LayerDefinition } from '../layer.js';

function elementwise(op: OpName, doc: string): LayerDefinition {
  return { doc, params: [], example: `x |> ${op}`, build: ({ input, emit }) => emit(op, [input]) };
}

export const reluLayer = elementwise('relu', 'max(x, 0)');
export const relu6Layer = elementwise('relu6', 'min(max(x, 0), 6)');
export const geluLayer = elementwise('gelu', 'x times the normal distribution function of x, computed exactly (with erf).');
export const siluLayer = elementwise('silu', 'x * sigmoid(x)');
export const sigmoidLayer = elementwise('sigmoid', '1 / (1 + exp(-x))');
export const tanhLayer = elementwise('tanh', 'Hyperbolic tangent.');
export const softmaxLayer = elementwise(
  'softmax',
  'exp(x) over its sum along the last axis. The losses want logits, so a classifier does not end with it.',
);
export const logSoftmaxLayer = elementwise('log_softmax', 'Logarithm of softmax along the last axis.');

export const leakyReluLayer: LayerDefinition = {
  doc: 'x where x is positive, else slope * x.',
  params: [{ name: 'slope', kind: 'number', default: 0.01, doc: 'factor on negative values' }],
  example: 'x |> leaky_relu(0.1)',
  build: ({ input, args, emit }) => emit('leaky_relu', [input], { slope: args.slope as number }),
};
