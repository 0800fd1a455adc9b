import type { OpName } from '../../ir/op-names.js';
import type { LayerDefinition } from '../layer.js';

function binary(op: OpName, doc: string): LayerDefinition {
  return {
    doc,
    params: [],
    values: { min: 1, max: 1 },
    example: `x |> ${op}(other)`,
    build: ({ input, values, emit }) => emit(op, [input, values[0]]),
  };
}

export const addLayer = binary('add', 'Sum, element by element, of two values of the same shape.');
export const subLayer = binary('sub', 'Difference, element by element: the piped value less the argument.');
export const mulLayer = binary('mul', 'Product, element by element, of two values of the same shape.');

export const scaleLayer: LayerDefinition = {
  doc: 'Multiplies every element by a number.',
  params: [{ name: 'factor', kind: 'number', doc: 'the number' }],
  example: 'x |> scale(0.125)',
  build: ({ input, args, emit }) => emit('scale', [input], { factor: args.factor as number }),
};
