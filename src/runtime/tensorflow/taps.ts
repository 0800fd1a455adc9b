import type { Pair } from '../../ops/contraction-geometry.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';

/** A weight [rows, columns, in, out] with zeros between its taps, as many as a dilation skips. */
export function spreadTaps(tf: Calls, weight: Tensor, [down, across]: Pair): Tensor {
  const [rows, columns, inputs, outputs] = weight.shape as [number, number, number, number];
  const behind = [
    [0, 0],
    [0, down - 1],
    [0, 0],
    [0, across - 1],
    [0, 0],
    [0, 0],
  ] as const;
  const apart = tf.pad(tf.reshape(weight, [rows, 1, columns, 1, inputs, outputs]), behind, 0);
  const whole = tf.reshape(apart, [rows * down, columns * across, inputs, outputs]);
  return tf.slice(whole, [0, 0, 0, 0], [(rows - 1) * down + 1, (columns - 1) * across + 1, inputs, outputs]);
}

/** The taps of a window [rows, columns] among those of one without gaps. */
export function everyTap(tf: Calls, dense: Tensor, [rows, columns]: Pair, [down, across]: Pair): Tensor {
  const [, , inputs, outputs] = dense.shape as [number, number, number, number];
  const behind = [
    [0, down - 1],
    [0, across - 1],
    [0, 0],
    [0, 0],
  ] as const;
  const whole = tf.reshape(tf.pad(dense, behind, 0), [rows, down, columns, across, inputs, outputs]);
  return tf.reshape(tf.slice(whole, [0, 0, 0, 0, 0, 0], [rows, 1, columns, 1, inputs, outputs]), [rows, columns, inputs, outputs]);
}
