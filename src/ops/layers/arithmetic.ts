import type { OpName } from '../../ir/op-names.js';
import type { LayerDefinition } from '../layer.js';
import { broadcastOperands } from './broadcast.js';
import { elementwise } from './elementwise.js';

function binary(
  op: OpName,
  doc: string,
  { folds = false, withNumber }: Pick<LayerDefinition, 'folds' | 'withNumber'> = {},
): LayerDefinition {
  return {
    ...(withNumber && { withNumber }),
    doc,
    params: [],
    values: { min: 1, max: 1 },
    folds,
    example: `x |> ${op}(other)`,
    build: (context) => context.emit(op, broadcastOperands(context, [context.input, context.values[0]])),
  };
}

export const addLayer = binary(
  'add',
  'Sum, element by element. Axes of size 1, and axes that one value lacks in front, are repeated: [channels] fits an image. A number is ' +
    'added as by `shift`.',
  { folds: true, withNumber: ({ input, emit }, offset) => emit('shift', [input], { offset }) },
);
export const subLayer = binary('sub', 'Difference, element by element: the piped value less the argument; shapes fit as in `add`.');
export const mulLayer = binary(
  'mul',
  'Product, element by element; shapes fit as in `add`, so `x |> mul(gate)` scales the channels of each image by a gate of [channels]. A ' +
    'number is multiplied with as by `scale`.',
  { folds: true, withNumber: ({ input, emit }, factor) => emit('scale', [input], { factor }) },
);

export const divLayer = binary('div', 'Quotient, element by element: the piped value over the argument; shapes fit as in `add`.');

export const maximumLayer = binary(
  'maximum',
  'The larger, element by element; shapes fit as in `add`. Where values are equal each has half of the gradient; with a number, as ' +
    '`x |> maximum(0.1)`, it is torch.clamp, and the value has all of it.',
  { withNumber: ({ input, emit }, low) => emit('clamp', [input], { low }) },
);
export const minimumLayer = binary('minimum', 'The smaller, element by element, of two values or of a value and a number; see `maximum`.', {
  withNumber: ({ input, emit }, high) => emit('clamp', [input], { high }),
});

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

export const expLayer = elementwise('exp', 'e to the power of each element. It overflows fp16 above 11.09 and fp32 above 88.7.');
export const logLayer = elementwise('log', 'Natural logarithm: -infinity of 0, NaN of negative numbers.');
export const sqrtLayer = elementwise('sqrt', 'Square root: NaN of negative numbers. Its gradient at 0 is infinite.');
export const absLayer = elementwise('abs', 'Magnitude of each element.');

export const powLayer: LayerDefinition = {
  doc: 'Each element to the power of a number: NaN of a negative element unless the exponent is whole.',
  params: [{ name: 'exponent', kind: 'number', doc: 'the number' }],
  example: 'x |> pow(3)',
  build: ({ input, args, emit }) => emit('pow', [input], { exponent: args.exponent as number }),
};

export const squareLayer: LayerDefinition = {
  doc: 'Each element times itself: `pow(2)`, so in fp32 as the other powers.',
  params: [],
  example: 'x |> square',
  build: ({ input, emit }) => emit('pow', [input], { exponent: 2 }),
};
