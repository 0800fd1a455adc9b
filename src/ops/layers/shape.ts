import { elementCount } from '../../ir/types.js';
import type { LayerDefinition } from '../layer.js';
import { constrain } from '../op.js';
import { formatShape } from '../window.js';
import { AXIS, resolveAxis } from './axes.js';

export const flattenLayer: LayerDefinition = {
  doc: 'One list of features: an image [height, width, channels] row by row, channels together.',
  params: [],
  example: 'x |> flatten |> linear(10)',
  build: ({ input, emit, type }) => {
    const [batch, ...rest] = type(input).shape;
    return emit('reshape', [input], { shape: [batch, elementCount(rest)] });
  },
};

export const reshapeLayer: LayerDefinition = {
  doc: 'The same elements in row-major order under another shape; one size may be -1 and is found from the others.',
  params: [{ name: 'shape', kind: 'shape', min: -1, doc: 'new sizes, without the batch' }],
  example: 'x |> reshape([64, -1])',
  build: ({ input, args, emit, type }) => {
    const [batch, ...rest] = type(input).shape;
    const shape = [...(args.shape as readonly number[])];
    const open = shape.indexOf(-1);
    const count = elementCount(rest);
    const known = elementCount(shape.filter((size) => size !== -1));
    const why = `${formatShape(rest)} has ${count} elements, which ${formatShape(shape)} cannot hold`;
    constrain(shape.filter((size) => size < 1).length <= (open === -1 ? 0 : 1), 'reshape_c1', why);
    if (open !== -1) shape[open] = count / known;
    constrain(elementCount(shape) === count && shape.every(Number.isInteger), 'reshape_c1', why);
    return emit('reshape', [input], { shape: [batch, ...shape] });
  },
};

export const concatLayer: LayerDefinition = {
  doc: 'The piped value and the arguments one after the other along an axis.',
  params: [AXIS],
  values: { min: 1, max: 64 },
  example: 'x |> concat(skip)',
  build: ({ input, values, args, emit, type }) => {
    const rank = type(input).shape.length - 1;
    const joined = resolveAxis('concat_c2', args.axis as number, type(input).shape) - 1;
    const [first, ...others] = [input, ...values].map((id) => type(id).shape.slice(1));
    const misfit = others.find((shape) => shape.length !== rank || shape.some((size, i) => i !== joined && size !== first[i]));
    const why = misfit && `${formatShape(first)} and ${formatShape(misfit)} cannot be joined along axis ${joined}`;
    constrain(misfit === undefined, 'concat_c3', why ?? '');
    return emit('concat', [input, ...values], { axis: 1 + joined });
  },
};

export const splitLayer: LayerDefinition = {
  doc: 'A list of parts, one after the other along an axis: so many of one size, or of the sizes that are given.',
  params: [{ name: 'sections', kind: 'sections', min: 1, doc: 'how many parts of one size, or the list of their sizes' }, AXIS],
  example: 'let [a, b] = x |> split(2)',
  build: ({ input, args, emit, type }) => {
    const { shape } = type(input);
    const axis = resolveAxis('slice_c1', args.axis as number, shape);
    const given = args.sections as number | readonly number[];
    const sizes = typeof given === 'number' ? Array.from({ length: given }, () => shape[axis] / given) : given;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const what = typeof given === 'number' ? `${given} equal parts` : `parts of ${formatShape(given)}`;
    constrain(
      sizes.every(Number.isInteger) && total === shape[axis],
      'split_c1',
      () => `axis ${axis - 1} of ${formatShape(shape.slice(1))} has ${shape[axis]} elements, which are not ${what}`,
    );
    let start = 0;
    return sizes.map((size) => {
      start += size;
      return emit('slice', [input], { axis, start: start - size, size });
    });
  },
};
