import type { OpName } from '../../ir/op-names.js';
import type { LayerDefinition } from '../layer.js';
import { broadcastOperands } from './broadcast.js';

function binary(op: OpName, doc: string): LayerDefinition {
  return {
    doc,
    params: [],
    values: { min: 1, max: 1 },
    example: `x |> ${op}(other)`,
    build: (context) => context.emit(op, broadcastOperands(context, [context.input, context.values[0]])),
  };
}

export const addLayer = binary(
  'add',
  'Sum, element by element. Axes of size 1, and axes that one value lacks in front, are repeated: [channels] fits an image.',
);
export const subLayer = binary('sub', 'Difference, element by element: the piped value less the argument; shapes fit as in `add`.');
export const mulLayer = binary(
  'mul',
  'Product, element by element; shapes fit as in `add`, so `x |> mul(gate)` scales the channels of each image by a gate of [channels].',
);

export const scaleLayer: LayerDefinition = {
  doc: 'Multiplies every element by a number.',
  params: [{ name: 'factor', kind: 'number', doc: 'the number' }],
  example: 'x |> scale(0.125)',
  build: ({ input, args, emit }) => emit('scale', [input], { factor: args.factor as number }),
};

export const shiftLayer: LayerDefinition = {
  doc: 'Adds a number to every element.',
  params: [{ name: 'offset', kind: 'number', doc: 'the number' }],
  example: 'x |> shift(1)',
  build: ({ input, args, emit }) => emit('shift', [input], { offset: args.offset as number }),
};
