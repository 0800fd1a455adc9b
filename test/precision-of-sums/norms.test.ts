import assert from 'node:assert/strict';
import { GraphBuilder } from '../../src/ir/builder.js';
import type { ValueId } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import type { Backend, Executable } from '../../src/runtime/backend.js';
import { createBackend as createCpu } from '../../src/runtime/cpu/index.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { batchPlan, type GraphCase, runCase } from '../codegen/batch.js';
import { skip } from '../support/skip.js';

const MAX = 0.5;
const LARGEST_F32 = (2 - 2 ** -23) * 2 ** 127;

/** Two gradients, and the first of them clipped to a norm of MAX for both. */
function clipped(name: string, first: readonly number[], second: readonly number[]): GraphCase & { readonly name: string } {
  const builder = new GraphBuilder();
  const state = (label: string, values: readonly number[]): ValueId =>
    builder.add({
      op: 'state',
      attrs: { name: label, role: 'parameter', init: 'constant', value: 0 },
      type: { dtype: 'f32', shape: [values.length] },
    });
  const [a, b] = [state('a', first), state('b', second)];
  const norm = emit(builder, 'global_norm', [a, b], {});
  const result = emit(builder, 'clip_by_norm', [a, norm], { max: MAX });
  const states = new Map([
    ['a', Float32Array.from(first)],
    ['b', Float32Array.from(second)],
  ]);
  return { name, graph: builder.finish('eval_step', { norm, result }), inputs: {}, states };
}

const many = (count: number, value: number) => Array.from({ length: count }, () => value);

const CASES = [
  clipped('numbers whose squares f32 cannot hold', many(70, 1e18), [-3e19]),
  clipped('numbers whose squares vanish in f32', many(70, 1e-30), [2e-30]),
  clipped('a norm beyond f32', many(40, 3e38), [-3e38]),
  clipped('an infinity', [1, Infinity], [1]),
  clipped('a NaN', [1, NaN], [1]),
];

const BACKENDS: readonly (readonly [string, () => Backend])[] = [
  ['cpu', createCpu],
  ['reference', createReference],
];

describe('the norm of all gradients', () => {
  for (const [name, create] of BACKENDS) {
    describe(`on ${name}`, () => {
      let executable: Executable | undefined;
      before(async function () {
        this.timeout(600_000);
        executable = await create()
          .load(batchPlan(CASES, name))
          .catch((error: Error) => skip(this, error.message));
      });
      after(() => executable?.dispose());

      for (const [index, one] of CASES.entries()) {
        it(`of ${one.name}`, async () => {
          const [norm] = await runCase(executable!, one, index, 'norm');
          const result = await runCase(executable!, one, index);
          const [a, b] = [one.states.get('a')!, one.states.get('b')!] as [Float32Array, Float32Array];
          const exact = Math.sqrt([...a, ...b].reduce((sum, x) => sum + x * x, 0));
          if (!Number.isFinite(exact)) {
            assert.ok(Object.is(norm, exact), `${norm}`);
            return;
          }
          assert.ok(Math.abs(norm! - Math.min(exact, LARGEST_F32)) <= 2 ** -23 * exact, `${norm}, not ${exact}`);
          const factor = Math.min(1, MAX / (norm! + 1e-6));
          result.forEach((value, i) => {
            // The factor itself is an f32, below 1.2e-38 one with fewer digits.
            assert.ok(Math.abs(value - a[i]! * factor) <= 1e-6 * Math.abs(a[i]! * factor), `[${i}] is ${value}`);
          });
          const length = Math.sqrt(result.reduce((sum, x) => sum + x * x, 0));
          const beyond = Math.max(1, exact / LARGEST_F32);
          assert.ok(length > 0 && length <= 1.01 * MAX * beyond, `clipped to ${length}`);
        });
      }
    });
  }
});
