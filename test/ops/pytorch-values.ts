import assert from 'node:assert/strict';
import type { Attrs } from '../../src/ir/types.js';
import type { OpName } from '../../src/ops/index.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';
import { evaluateOp, float, type Operand } from './evaluate-op.js';

/** A tensor as the scripts of test/fixtures/pytorch write it. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export function operand({ shape, data }: Tensor): Operand {
  return float(shape, data);
}

/** Equal up to a few roundings of f32 at the size of the largest element. */
export function assertClose(actual: Elements, expected: readonly number[], what: string, tolerance = 2e-6): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  const scale = Math.max(...expected.map(Math.abs), 1e-3);
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs(actual[i] - value) <= tolerance * scale, `${what}[${i}]: ${actual[i]}, PyTorch ${value}`);
  }
}

/** Runs an op on the reference and compares its result with PyTorch's. */
export function assertOp(op: OpName, operands: readonly Operand[], attrs: Attrs, expected: Tensor, what: string): Operand {
  const result = evaluateOp(op, operands, attrs);
  assert.deepEqual(result.type.shape, expected.shape, what);
  assertClose(result.elements, expected.data, what);
  return result;
}
