import type { Shape } from '../../ir/types.js';
import type { LayerContext, LayerDefinition } from '../layer.js';
import { constrain } from '../op.js';
import { PAD_MODES } from '../pad.js';
import { formatShape, pair } from '../window.js';
import { AXIS, resolveAxes, resolveAxis } from './axes.js';
import { needsImage } from './image.js';

export const transposeLayer: LayerDefinition = {
  doc: 'The axes in another order.',
  params: [
    {
      name: 'axes',
      kind: 'shape',
      min: -4,
      max: 3,
      doc: 'the axes in their new order, each counted from 0 without the batch, or from -1 backwards',
    },
  ],
  example: 'x |> reshape([64, 16]) |> transpose([1, 0])',
  build: ({ input, args, emit, type }) => {
    const { shape } = type(input);
    const rank = shape.length - 1;
    const given = args.axes as readonly number[];
    const axes = given.map((axis) => (axis < 0 ? axis + rank : axis));
    const all = new Set(axes).size === rank && axes.length === rank && axes.every((axis) => axis >= 0 && axis < rank);
    constrain(
      all,
      'transpose_c1',
      () => `${formatShape(given)} does not name each of the ${rank} axes of ${formatShape(shape.slice(1))} once`,
    );
    return emit('transpose', [input], { axes: [0, ...axes.map((axis) => axis + 1)] });
  },
};

/** A place of an axis, counted from its end where it is negative. */
const fromEnd = (place: number, size: number): number => (place < 0 ? place + size : place);

export const sliceLayer: LayerDefinition = {
  doc: 'A range of one axis: `size` elements from `start` on, or those up to `end`, which is not one of them.',
  params: [
    { name: 'start', kind: 'int', doc: 'first index; from the end where it is negative' },
    { name: 'size', kind: 'int', min: 0, default: 0, doc: 'how many; 0: all up to `end`' },
    { name: 'end', kind: 'int', default: 0, doc: 'index behind the last; from the end where it is 0 or negative' },
    AXIS,
  ],
  example: 'x |> slice(0, size: 16)',
  build: ({ input, args, emit, type }) => {
    const { shape } = type(input);
    const axis = resolveAxis('slice_c1', args.axis as number, shape);
    const length = shape[axis];
    const [given, end] = [args.size as number, args.end as number];
    constrain(given === 0 || end === 0, 'slice_c2', 'it takes `size` or `end`, not both');
    const start = fromEnd(args.start as number, length);
    const behind = given > 0 ? start + given : end > 0 ? end : end + length;
    const fits = start >= 0 && start < behind && behind <= length;
    constrain(fits, 'slice_c2', () => `${start} to ${behind} is no range of the ${length} elements of axis ${axis - 1}`);
    return emit('slice', [input], { axis, start, size: behind - start });
  },
};

export const rollLayer: LayerDefinition = {
  doc: 'Moves elements along axes towards higher indices; those that leave at one end come in at the other (torch.roll).',
  params: [
    { name: 'shift', kind: 'axes', doc: 'by how many places, or a list with one number for each axis; back where it is negative' },
    {
      name: 'axis',
      kind: 'axes',
      min: -4,
      max: 3,
      doc: 'one, or a list: counted from 0 without the batch, or from -1 (channels) backwards',
    },
  ],
  example: 'x |> roll([-2, -2], axis: [0, 1])',
  build: ({ input, args, emit, type }) => {
    const [shifts, given] = [args.shift as readonly number[], args.axis as readonly number[]];
    const axes = resolveAxes('roll_c1', given, type(input).shape);
    constrain(shifts.length === axes.length, 'roll_c2', () => `${formatShape(shifts)} are no shifts of ${axes.length} axes`);
    return emit('roll', [input], { axes, shifts });
  },
};

/** Top, bottom, left, right of an image, then before and behind its channels; of a value with fewer axes, before and behind each. */
function amountsOf(amounts: readonly number[], shape: Shape): readonly number[] {
  const axes = shape.length - 2;
  const sides = 2 * axes;
  const fits = [1, axes, sides, sides + 2].includes(amounts.length);
  constrain(axes >= 1 && fits, 'pad_c1', () => `${formatShape(amounts)} are no amounts for the ${Math.max(0, axes)} axes before the last`);
  if (amounts.length >= sides) return [...amounts, 0, 0].slice(0, sides + 2);
  return [...Array.from({ length: sides }, (_, side) => amounts[amounts.length === 1 ? 0 : side >> 1]), 0, 0];
}

export const padLayer: LayerDefinition = {
  doc: 'Rows and columns around an image: zeros, the image mirrored at its edge (the edge itself is not repeated), or its edge repeated.',
  params: [
    {
      name: 'amounts',
      kind: 'axes',
      min: 0,
      doc: 'everywhere, `[rows, columns]`, `[top, bottom, left, right]`, or with two more for the channels',
    },
    { name: 'mode', kind: 'word', words: PAD_MODES, default: 'zero', doc: 'what stands there' },
  ],
  example: 'x |> pad(1, mode: reflect) |> pad([0, 0, 0, 0, 8, 8])',
  build: ({ input, args, emit, type }) => {
    const { shape } = type(input);
    const sides = amountsOf(args.amounts as readonly number[], shape);
    const side = (which: 0 | 1) => [0, ...shape.slice(1).map((_, axis) => sides[2 * axis + which])];
    return emit('pad', [input], { before: side(0), after: side(1), mode: args.mode as string });
  },
};

export const upsampleLayer: LayerDefinition = {
  doc: 'An image with more pixels (torch.nn.Upsample): each repeated, or linear between the middles of the old ones (align_corners false).',
  params: [
    { name: 'factor', kind: 'pair', min: 1, max: 64, doc: 'how many rows and columns each one becomes' },
    { name: 'mode', kind: 'word', words: ['nearest', 'bilinear'], default: 'nearest', doc: 'what the new pixels are' },
  ],
  example: 'x |> upsample(2, mode: bilinear)',
  build: ({ input, args, emit, type }) => {
    const op = args.mode === 'bilinear' ? 'upsample_bilinear' : 'upsample_nearest';
    needsImage(op, 'upsample', type(input).shape);
    return emit(op, [input], { factor: pair(args.factor) });
  },
};

/** The last axis as rows of so many groups, transposed and joined again. */
function shuffle({ input, emit, type }: LayerContext, groups: number): number {
  const { shape } = type(input);
  const [before, channels] = [shape.slice(0, -1), shape.at(-1)!];
  const parts = emit('reshape', [input], { shape: [...before, groups, channels / groups] });
  const rank = shape.length;
  const moved = emit('transpose', [parts], { axes: [...before.map((_, axis) => axis), rank, rank - 1] });
  return emit('reshape', [moved], { shape });
}

export const channelShuffleLayer: LayerDefinition = {
  doc: 'Takes one channel of each group in turn, so that a grouped convolution behind it sees all groups (torch.nn.ChannelShuffle).',
  params: [{ name: 'groups', kind: 'int', min: 1, doc: 'how many groups of neighbouring channels there are' }],
  example: 'x |> channel_shuffle(4)',
  build: (context) => {
    const channels = context.type(context.input).shape.at(-1)!;
    const groups = context.args.groups as number;
    constrain(channels % groups === 0, 'channel_shuffle_layer_c1', () => `${channels} channels do not make ${groups} equal groups`);
    return groups === 1 || groups === channels ? context.input : shuffle(context, groups);
  },
};
