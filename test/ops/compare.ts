import assert from 'node:assert/strict';
import type { OpName } from '../../src/ops/index.js';

/** Ops that are one rounding, or none, so that every backend has the reference's bits. */
export const EXACT_OPS: readonly OpName[] = [
  'relu',
  'relu_grad',
  'relu6',
  'relu6_grad',
  'leaky_relu',
  'leaky_relu_grad',
  'prelu',
  'prelu_grad',
  'prelu_slope_grad',
  'add',
  'sub',
  'mul',
  'maximum',
  'maximum_grad',
  'minimum',
  'minimum_grad',
  'abs',
  'abs_grad',
  'clamp',
  'clamp_grad',
  'scale',
  'scale_by',
  'shift',
  'cast',
  'dropout',
  'reshape',
  'concat',
  'slice',
  'transpose',
  'broadcast',
  'roll',
  'pad',
  'upsample_nearest',
  'max_pool2d',
  'max_pool2d_index',
  'correct_count',
  'scale_loss',
  'scale_loss_grad',
  'all_finite',
  'update_scale',
  'accumulate',
  'reset',
  'advance',
];

/** Every element is as far from the reference's as `allowed` says, given that; equal infinities and NaNs are close. */
export function assertClose(got: ArrayLike<number>, want: ArrayLike<number>, allowed: (x: number) => number, what: string): void {
  assert.equal(got.length, want.length, what);
  for (let i = 0; i < want.length; i += 1) {
    const [a, b] = [got[i]!, want[i]!];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    assert.ok(Math.abs(a - b) <= allowed(b), `${what}: element ${i} is ${a}, the reference has ${b}`);
  }
}

/** The largest finite magnitude; never zero, so that shares of it can be taken. */
export function largest(values: ArrayLike<number>): number {
  let most = 1e-30;
  for (let i = 0; i < values.length; i += 1) if (Number.isFinite(values[i])) most = Math.max(most, Math.abs(values[i]!));
  return most;
}
