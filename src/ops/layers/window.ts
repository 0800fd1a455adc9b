import { type Attrs, type Shape, sameShape, type ValueId } from '../../ir/types.js';
import type { LayerContext, LayerDefinition, LayerParam } from '../layer.js';
import { evenWindows, windowsAlong } from '../mean-windows.js';
import { constrain } from '../op.js';
import { formatShape, pair, resolvePadding, windowAttrs } from '../window.js';
import { needsImage } from './image.js';

const POOL_PARAMS = [
  { name: 'kernel', kind: 'pair', min: 1, doc: 'height and width of the window' },
  { name: 'stride', kind: 'pair', min: 1, default: 'kernel', doc: 'step of the window; by default windows do not overlap' },
  { name: 'padding', kind: 'padding', min: 0, default: 0, doc: 'cells around the image, or `same`, or `valid`' },
] as const satisfies readonly LayerParam[];

const CEIL_MODE: LayerParam = {
  name: 'ceil_mode',
  kind: 'boolean',
  default: false,
  doc: 'whether a last window may reach beyond the image and its padding (as PyTorch)',
};

/** What a pool's arguments say of its windows over an image. */
function windowsOf(shape: Shape, args: LayerContext['args']) {
  const window = pair(args.kernel);
  const stride = args.stride === 'kernel' ? window : pair(args.stride);
  return { window, stride, padding: resolvePadding(args.padding, shape, window, stride) };
}

/**
 * Padding with as many cells more behind the image as its last window reaches beyond, if that begins within the image or the padding
 * before it.
 */
function ceiled(shape: Shape, { window, stride, padding }: ReturnType<typeof windowsOf>): readonly number[] {
  const behind = ([0, 1] as const).map((axis) => {
    const [before, after] = [padding[2 * axis]!, padding[2 * axis + 1]!];
    const size = shape[axis + 1]! + before;
    const last = Math.ceil((size + after - window[axis]) / stride[axis]) * stride[axis];
    const begins = last < size ? last : last - stride[axis];
    return Math.max(after, begins + window[axis] - size);
  });
  return [padding[0], behind[0]!, padding[2], behind[1]!];
}

export const maxPool2dLayer: LayerDefinition = {
  doc: 'The largest value of each window.',
  params: [...POOL_PARAMS, CEIL_MODE],
  example: 'x |> max_pool2d(2)',
  build: ({ input, args, emit, type }) => {
    const { shape } = type(input);
    needsImage('max_pool2d', 'max_pool2d', shape);
    const windows = windowsOf(shape, args);
    const { window, stride, padding } = windows;
    constrain(
      padding.every((cells, side) => cells * 2 <= window[side < 2 ? 0 : 1]),
      'max_pool2d_c5',
      `the padding must be at most half of the ${window[0]}x${window[1]} window`,
    );
    return emit('max_pool2d', [input], { window, ...windowAttrs(stride, args.ceil_mode === true ? ceiled(shape, windows) : padding) });
  },
};

export const avgPool2dLayer: LayerDefinition = {
  doc:
    'The mean of each window. Padding counts as zeros, as in PyTorch, unless `count_include_pad` is false; what a window has beyond it ' +
    'never counts.',
  params: [
    ...POOL_PARAMS,
    CEIL_MODE,
    { name: 'count_include_pad', kind: 'boolean', default: true, doc: 'whether padding counts in the means, as zeros' },
  ],
  example: 'x |> avg_pool2d(3, stride: 2, padding: 1, count_include_pad: false)',
  build: ({ input, args, emit, type }) => {
    const { shape } = type(input);
    needsImage('avg_pool2d', 'avg_pool2d', shape);
    const windows = windowsOf(shape, args);
    const { window, stride, padding } = windows;
    const around = args.ceil_mode === true ? ceiled(shape, windows) : padding;
    const counted = args.count_include_pad === true ? padding : padding.map(() => 0);
    const attrs = { window, ...windowAttrs(stride, around) };
    return sameShape(around, counted) ? emit('avg_pool2d', [input], attrs) : emit('clipped_avg_pool2d', [input], { ...attrs, counted });
  },
};

export const globalAvgPoolLayer: LayerDefinition = {
  doc: 'The mean of each channel over the whole image.',
  params: [],
  example: 'x |> global_avg_pool |> linear(10)',
  build: ({ input, emit, type }) => {
    needsImage('global_avg_pool', 'global_avg_pool', type(input).shape);
    return emit('global_avg_pool', [input]);
  },
};

export const globalMaxPoolLayer: LayerDefinition = {
  doc: 'The largest value of each channel of an image. Equal ones share the gradient evenly, as in torch.amax.',
  params: [],
  example: 'x |> global_max_pool |> linear(10)',
  build: ({ input, emit, type }) => {
    needsImage('max_pool2d', 'global_max_pool', type(input).shape);
    return emit('max', [input], { axes: [1, 2], keep: false });
  },
};

const ADAPTIVE_PARAMS = [{ name: 'size', kind: 'pair', min: 1, doc: 'height and width of the result' }] as const;

/** A pool to more rows or columns than there are, which PyTorch has as well. */
const repeatsPixels: LayerDefinition['doubt'] = (shape, args) => {
  const [size, image] = [pair(args.size), shape.slice(1, 3)];
  if (shape.length !== 4 || size.every((count, axis) => count <= image[axis]!)) return undefined;
  return {
    message: `the result of ${formatShape(size)} is larger than the image of ${formatShape(image)}`,
    why: 'each window has at least one pixel, so pixels are repeated, as in PyTorch',
    fix: `pool to ${formatShape(size.map((count, axis) => Math.min(count, image[axis]!)))} at most, or enlarge the image with \`upsample\``,
  };
};

/** Windows of one size that cut an image into as many rows and columns; undefined where there are none. */
function tiles(shape: Shape, size: readonly number[]): Attrs | undefined {
  const window = size.map((count, axis) => shape[axis + 1]! / count);
  return window.every(Number.isInteger) ? { window, ...windowAttrs(window, [0, 0, 0, 0]) } : undefined;
}

export const adaptiveAvgPool2dLayer: LayerDefinition = {
  doc:
    'The means of windows that cover the image, as many as the result is to have; where that does not divide it, windows overlap (as ' +
    'in PyTorch).',
  params: ADAPTIVE_PARAMS,
  example: 'x |> adaptive_avg_pool2d([2, 2]) |> flatten',
  doubt: repeatsPixels,
  build: ({ input, args, emit, type }) => {
    const { shape } = type(input);
    needsImage('avg_pool2d', 'adaptive_avg_pool2d', shape);
    const results = pair(args.size);
    const tiling = tiles(shape, results);
    return tiling ? emit('avg_pool2d', [input], tiling) : emit('adaptive_avg_pool2d', [input], { results });
  },
};

/** The largest values of windows along one axis of an image, joined again. */
function largestAlong({ emit, type }: Pick<LayerContext, 'emit' | 'type'>, x: ValueId, axis: 1 | 2, count: number): ValueId {
  const size = type(x).shape[axis]!;
  const largest = (part: ValueId, length: number): ValueId => {
    const window = axis === 1 ? [length, 1] : [1, length];
    return emit('max_pool2d', [part], { window, ...windowAttrs(window, [0, 0, 0, 0]) });
  };
  if (size % count === 0) return largest(x, size / count);
  const parts = windowsAlong(evenWindows(size, count)).map(({ from, to }) =>
    largest(emit('slice', [x], { axis, start: from, size: to - from }), to - from),
  );
  return emit('concat', parts, { axis });
}

export const adaptiveMaxPool2dLayer: LayerDefinition = {
  doc: 'The largest values of windows that cover the image, as those of `adaptive_avg_pool2d`.',
  params: ADAPTIVE_PARAMS,
  example: 'x |> adaptive_max_pool2d([2, 2]) |> flatten',
  doubt: repeatsPixels,
  build: (context) => {
    const { input, args, emit, type } = context;
    const { shape } = type(input);
    needsImage('max_pool2d', 'adaptive_max_pool2d', shape);
    const size = pair(args.size);
    const tiling = tiles(shape, size);
    if (tiling) return emit('max_pool2d', [input], tiling);
    // Of equal values the first one, row by row, has the gradient: the first column of each row, and then the first row.
    return largestAlong(context, largestAlong(context, input, 2, size[1]), 1, size[0]);
  },
};
