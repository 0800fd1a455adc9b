import { elementCount } from '../../ir/types.js';
import { LARGEST_F32 } from '../../numeric/single.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES, F64 } from './device.js';

/**
 * TensorFlow adds along an axis in one running sum, whose error grows with what is added. So f32 numbers are added here by fours, twice,
 * and what that leaves in double precision. Four equal numbers come to exactly four times one, so that the mean of equal numbers is that
 * number.
 */
const BLOCK = 4;
const LEVELS = 2;

/** Terms of a contraction's sum that TensorFlow may add in f32. */
const TERMS_IN_A_ROW = 4096;

/** Sums of `x`, f32 [groups, rows, channels], over the rows: double precision, [groups, channels]. */
function sumOfRows(tf: Calls, x: Tensor, groups: number, channels: number): Tensor {
  let rows = elementCount(x.shape) / (groups * channels);
  let blocks = x;
  for (let level = 0; level < LEVELS && rows % BLOCK === 0; level += 1) {
    rows /= BLOCK;
    blocks = tf.reduce('Sum', tf.reshape(blocks, [groups * rows, BLOCK, channels]), [1]);
  }
  return tf.reduce('Sum', tf.cast(tf.reshape(blocks, [groups, rows, channels]), F64), [1]);
}

/** Sums over all axes but the last: f32 [channels]. */
export function sumToChannel(tf: Calls, x: Tensor): Tensor {
  const channels = x.shape[x.shape.length - 1]!;
  return tf.reshape(tf.cast(sumOfRows(tf, x, 1, channels), CODES.f32), [channels]);
}

/** Means over all axes but the last: f32 [channels]. */
export function meanOfChannel(tf: Calls, x: Tensor): Tensor {
  const channels = x.shape[x.shape.length - 1]!;
  const mean = tf.div(sumOfRows(tf, x, 1, channels), elementCount(x.shape) / channels);
  return tf.reshape(tf.cast(mean, CODES.f32), [channels]);
}

/** Means along the last axis, which stays, of size 1. */
export function meanOfRow(tf: Calls, x: Tensor): Tensor {
  const length = x.shape[x.shape.length - 1]!;
  const mean = tf.div(sumOfRows(tf, x, elementCount(x.shape) / length, 1), length);
  return tf.reshape(tf.cast(mean, CODES.f32), [...x.shape.slice(0, -1), 1]);
}

/** Means of images [batch, height, width, channels]: f32 [batch, channels]. */
export function meanOfImage(tf: Calls, x: Tensor): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  return tf.cast(tf.div(sumOfRows(tf, x, batch, channels), height * width), CODES.f32);
}

/** The sum of all elements by `divisor`: an f32 scalar. */
export function meanOfAll(tf: Calls, x: Tensor, divisor: number): Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return tf.cast(tf.div(tf.reduce('Sum', tf.cast(x, F64), axes), divisor), CODES.f32);
}

/**
 * Euclidean norm of f32 tensors together, of finite ones at most the largest f32: in double precision no square of an f32 overflows or
 * vanishes.
 */
export function norm(tf: Calls, parts: readonly Tensor[]): Tensor {
  const halves = parts.map((part) => tf.device.tidy(() => tf.unary('L2Loss', tf.cast(part, F64))));
  try {
    const root = tf.unary('Sqrt', tf.mul(tf.sum(halves), 2));
    return tf.cast(tf.choose(tf.test('IsFinite', root), tf.binary('Minimum', root, LARGEST_F32), root), CODES.f32);
  } finally {
    for (const half of halves) tf.device.release(half);
  }
}

/**
 * A contraction that sums over the batch of its operands, `terms` for each row of it: computed for parts of the batch, which are added in
 * double precision. The result has the type of what `compute` gives.
 */
export function sumOverBatch(
  tf: Calls,
  operands: readonly [Tensor, Tensor],
  terms: number,
  compute: (operands: readonly [Tensor, Tensor]) => Tensor,
): Tensor {
  const batch = operands[0].shape[0]!;
  const rows = Math.max(1, Math.floor(TERMS_IN_A_ROW / terms));
  if (batch <= rows) return compute(operands);
  let total: Tensor | undefined;
  let dtype: number = CODES.f32;
  for (let start = 0; start < batch; start += rows) {
    const cut = ({ shape }: Tensor, i: 0 | 1) =>
      tf.slice(operands[i], [start, ...shape.slice(1).map(() => 0)], [Math.min(rows, batch - start), ...shape.slice(1)]);
    const next = tf.device.tidy(() => {
      const part = compute([cut(operands[0], 0), cut(operands[1], 1)]);
      dtype = part.dtype;
      return total === undefined ? tf.cast(part, F64) : tf.add(total, tf.cast(part, F64));
    });
    if (total !== undefined) tf.device.release(total);
    total = next;
  }
  const result = tf.cast(total!, dtype);
  tf.device.release(total!);
  return result;
}
