import type { Shape } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES, INT32 } from './device.js';
import { type } from './op-attributes.js';

/** A pool's windows over an image [batch, height, width, channels]. */
export interface Pool {
  readonly window: readonly number[];
  readonly stride: readonly number[];
  /** Top, bottom, left, right. */
  readonly padding: readonly number[];
  readonly image: Shape;
  readonly result: Shape;
}

/**
 * The image of a pool, cut into phases: phase (r, c) holds the pixels whose row is r modulo the row stride and whose column is c modulo the
 * column stride. Position (p, q) of every window is then one slice of one phase.
 */
interface Phases {
  readonly stride: readonly number[];
  readonly window: readonly number[];
  /** Shape of the pooled image. */
  readonly result: Shape;
  /** Rows and columns of each phase. */
  readonly size: readonly [number, number];
  /** Elements added on each side of the image, axis by axis, so that all phases have that size. */
  readonly padding: readonly (readonly [number, number])[];
}

function phasesOf({ window, stride, padding, image, result }: Pool): Phases {
  const size = [0, 1].map((axis) => {
    const needed = result[axis + 1]! + Math.floor((window[axis]! - 1) / stride[axis]!);
    return Math.max(needed, Math.ceil((image[axis + 1]! + padding[2 * axis]!) / stride[axis]!));
  }) as [number, number];
  const around = [0, 1].map((axis): [number, number] => {
    const before = padding[2 * axis]!;
    return [before, size[axis]! * stride[axis]! - image[axis + 1]! - before];
  });
  return { stride, window, result, size, padding: [[0, 0], ...around, [0, 0]] };
}

function positions({ window }: Pick<Pool, 'window'>): readonly (readonly [number, number])[] {
  const [rows, columns] = window as [number, number];
  return Array.from({ length: rows * columns }, (_, tap) => [Math.floor(tap / columns), tap % columns]);
}

/** Which phase holds position (p, q) of the windows, and from which row and column on. */
function place({ stride }: Phases, [p, q]: readonly [number, number]): { phase: number; at: readonly [number, number] } {
  const [rows, columns] = stride as [number, number];
  return { phase: (p % rows) * columns + (q % columns), at: [Math.floor(p / rows), Math.floor(q / columns)] };
}

function block(tf: Calls, { stride }: Phases): { sizes: Tensor; none: Tensor } {
  const none = tf.device.constant('no crops', () => tf.device.upload([2, 2], INT32, new Int32Array(4)));
  return { sizes: tf.vector(stride), none };
}

/** Every position of all windows, as an image of the pooled size. */
function taps(tf: Calls, x: Tensor, phases: Phases): readonly Tensor[] {
  const { stride, result } = phases;
  const count = stride[0]! * stride[1]!;
  let images = tf.pad(x, phases.padding, -Infinity);
  if (count > 1) {
    const { sizes, none } = block(tf, phases);
    const attrs = [type('T', x.dtype), type('Tblock_shape', INT32), type('Tpaddings', INT32)];
    images = tf.device.execute('SpaceToBatchND', attrs, [images, sizes, none], x.dtype);
  }
  const parts = tf.split(images, count);
  return positions(phases).map((position) => {
    const { phase, at } = place(phases, position);
    return tf.slice(parts[phase]!, [0, ...at, 0], result);
  });
}

/** The taps of a max pool, and last their maximum. */
export function tapsAndMaximum(tf: Calls, x: Tensor, pool: Pool): readonly Tensor[] {
  const all = taps(tf, x, phasesOf(pool));
  return [...all, all.reduce((a, b) => tf.binary('Maximum', a, b))];
}

/** [1, rows, columns, 1]: where position (p, q) of the windows is padding; undefined if it is nowhere. */
function paddingAt(tf: Calls, pool: Pool, [p, q]: readonly [number, number]): Tensor | undefined {
  const { stride, padding, image, result } = pool;
  const [, rows, columns] = result as [number, number, number];
  const isOutside = (axis: number, at: number) => at < padding[2 * axis]! || at >= padding[2 * axis]! + image[axis + 1]!;
  const elements = Uint8Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns) * stride[0]! + p, (i % columns) * stride[1]! + q];
    return isOutside(0, row) || isOutside(1, column) ? 1 : 0;
  });
  if (!elements.includes(1)) return undefined;
  const key = `padding at ${p},${q} of ${image} / ${stride} / ${padding}`;
  return tf.device.constant(key, () => tf.device.upload([1, rows, columns, 1], CODES.bool, elements));
}

/** Counts how many taps, from the first on, are padding or numbers below the maximum; below a NaN are all numbers. */
export function indexOf(tf: Calls, tapsAndMax: readonly Tensor[], pool: Pool): Tensor {
  const max = tapsAndMax[tapsAndMax.length - 1]!;
  const isNan = tf.test('IsNan', max);
  let below: Tensor | undefined;
  let index: Tensor | undefined;
  for (const [at, tap] of tapsAndMax.slice(0, -2).entries()) {
    const isNumberBesideNan = tf.logical('LogicalAnd', isNan, tf.compare('Equal', tap, tap));
    let less = tf.logical('LogicalOr', tf.compare('Less', tap, max), isNumberBesideNan);
    const isPadding = paddingAt(tf, pool, positions(pool)[at]!);
    if (isPadding !== undefined) less = tf.logical('LogicalOr', less, isPadding);
    below = below === undefined ? less : tf.logical('LogicalAnd', below, less);
    const step = tf.cast(below, CODES.u8);
    index = index === undefined ? step : tf.add(index, step);
  }
  return index ?? tf.zeros(max.shape, CODES.u8);
}

/** Sends each dy to its tap, and puts the phases together again. */
export function scatter(tf: Calls, dy: Tensor, index: Tensor, pool: Pool): Tensor {
  const phases = phasesOf(pool);
  const { stride, size, padding } = phases;
  const count = stride[0]! * stride[1]!;
  const [batch, rows, columns, channels] = dy.shape as [number, number, number, number];
  const nothing = tf.zerosLike(dy);
  const parts: Tensor[][] = Array.from({ length: count }, () => []);
  for (const [tap, position] of positions(phases).entries()) {
    const { phase, at } = place(phases, position);
    const sent = tf.choose(tf.compare('Equal', index, tap), dy, nothing);
    const around = [rows, columns].map((length, axis): [number, number] => [at[axis]!, size[axis]! - length - at[axis]!]);
    parts[phase]!.push(tf.pad(sent, [[0, 0], ...around, [0, 0]], 0));
  }
  const images = parts.map((part) => (part.length === 0 ? tf.zeros([batch, ...size, channels], dy.dtype) : tf.sum(part)));
  let image = tf.concat(images, 0);
  if (count > 1) {
    const { sizes, none } = block(tf, phases);
    const attrs = [type('T', dy.dtype), type('Tblock_shape', INT32), type('Tcrops', INT32)];
    image = tf.device.execute('BatchToSpaceND', attrs, [image, sizes, none], dy.dtype);
  }
  const before = padding.map(([amount]) => amount);
  return tf.slice(image, before, pool.image);
}
