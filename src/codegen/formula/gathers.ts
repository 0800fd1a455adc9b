import type { Node, TensorType } from '../../ir/types.js';
import { axisTaps, type OpOfKind } from '../../ops/index.js';
import { type AxesSizes, axesSizes } from '../../ops/reductions.js';
import type { AxisTaps } from '../../ops/taps.js';
import { type Window, windowOf } from '../window.js';
import { computed, div, equal, mul, operand, orZero, parameter } from './build.js';
import type { F32 } from './expression.js';

/**
 * Elements of the operands that one result is found of, in its image and channel.
 * - `window`: pixels of the operand in the window that the result sees; what is padding does not count.
 * - `holders`: pixels of a pooled image whose window holds the result's pixel.
 * - `image`: all pixels.
 * - `taps`: the places that count for the result along rows, and along columns.
 */
type WindowPlaces = { readonly kind: 'window'; readonly window: Window };
type HolderPlaces = { readonly kind: 'holders'; readonly window: Window };
type ImagePlaces = { readonly kind: 'image' };
export type TapPlaces = { readonly kind: 'taps'; readonly rows: AxisTaps; readonly columns: AxisTaps };

/**
 * What is taken of a term over places; operands in it are those at the place.
 * - `first_largest`: the largest term, or NaN where one is NaN, and the first place where it stands.
 * - `sum`: in f32, row by row and place by place; of `holders` each row by itself, and then the rows.
 * - `long_sum`: kept to more than f32, and rounded once; a target may add so many as `FEW` in f32.
 */
export type Found =
  | { readonly by: 'first_largest'; readonly over: WindowPlaces; readonly term: F32 }
  | { readonly by: 'sum'; readonly over: WindowPlaces | HolderPlaces | TapPlaces; readonly term: F32 }
  | { readonly by: 'long_sum'; readonly over: WindowPlaces | ImagePlaces; readonly term: F32 };

/** An op that reads elements of its operands at other places than its own. */
export type Gather =
  | { readonly found: Found; readonly result: F32 }
  /** Of each element; an operand without some axes of the result stands for its number at the element's place along the others. */
  | { readonly without: AxesSizes; readonly result: F32 };

/** Terms of which a sum in f32 is near enough. */
export const FEW = 64;

/** In a result: the number that was found, and the place of the largest in its window, counted row by row. */
export const FOUND = parameter('found', 'f32', 'element');
export const PLACE = parameter('place', 'f32', 'element');
/** In a term: the place in its window, counted row by row; and how much the place counts, where they do not count alike. */
export const TAP = parameter('tap', 'f32', 'scalar');
export const WEIGHT = parameter('weight', 'f32', 'scalar');

type GatherRule = (node: Node, types: readonly TensorType[]) => Gather;

const [first, second, third, fourth] = [operand(0), operand(1), operand(2), operand(3)];

const largestOf = (node: Node): Found => ({ by: 'first_largest', over: { kind: 'window', window: windowOf(node) }, term: first });

const heldBy = (node: Node, term: F32): Found => ({ by: 'sum', over: { kind: 'holders', window: windowOf(node) }, term });

const sizeOf = ({ rows, columns }: Window): F32 => computed(rows * columns);

const averagePool: GatherRule = (node) => {
  const window = windowOf(node);
  const by = window.rows * window.columns > FEW ? 'long_sum' : 'sum';
  return { found: { by, over: { kind: 'window', window }, term: first }, result: div(FOUND, sizeOf(window)) };
};

/** The part that each element has in a mean along axes. */
const shareOf = (without: AxesSizes): Gather => ({ without, result: div(first, computed(without.length)) });

const taps: GatherRule = (node, types) => {
  const [rows, columns] = axisTaps(node, types)!;
  const term = rows.kind === 'resample' || rows.kind === 'mean' ? mul(WEIGHT, first) : first;
  return { found: { by: 'sum', over: { kind: 'taps', rows, columns }, term }, result: FOUND };
};

/** The rule of each op that reads its operands at other places; `types` are those of the operands. */
export const GATHERS: Readonly<Record<OpOfKind<'pool'>, GatherRule>> = {
  max_pool2d: (node) => ({ found: largestOf(node), result: FOUND }),
  max_pool2d_index: (node) => ({ found: largestOf(node), result: PLACE }),
  max_pool2d_grad: (node) => ({ found: heldBy(node, orZero(equal(second, TAP), first)), result: FOUND }),
  avg_pool2d: averagePool,
  avg_pool2d_grad: (node) => ({ found: heldBy(node, first), result: div(FOUND, sizeOf(windowOf(node))) }),
  global_avg_pool: (_node, [x]) => {
    const [, height, width] = x!.shape as [number, number, number];
    return { found: { by: 'long_sum', over: { kind: 'image' }, term: first }, result: div(FOUND, computed(height * width)) };
  },
  global_avg_pool_grad: ({ type: { shape } }) => shareOf(axesSizes(shape, { axes: [1, 2] })),
  mean_grad: ({ type: { shape }, attrs }) => shareOf(axesSizes(shape, attrs)),
  max_grad: ({ type: { shape }, attrs }) => ({
    without: axesSizes(shape, attrs),
    result: orZero(equal(second, third), div(first, fourth)),
  }),
  pad_grad: taps,
  upsample_nearest_grad: taps,
  upsample_bilinear: taps,
  upsample_bilinear_grad: taps,
  clipped_avg_pool2d: taps,
  clipped_avg_pool2d_grad: taps,
  adaptive_avg_pool2d: taps,
  adaptive_avg_pool2d_grad: taps,
};
