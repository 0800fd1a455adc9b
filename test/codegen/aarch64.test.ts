import assert from 'node:assert/strict';
import { targetFor } from '../../src/codegen/c/target.js';
import { GraphBuilder } from '../../src/ir/builder.js';
import { COMPUTE_TYPES, type ComputeType } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import type { OpName } from '../../src/ops/index.js';
import type { Plan } from '../../src/plan/plan.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { opCase, SAMPLED_OPS } from '../ops/cases.js';
import { assertClose } from '../ops/compare.js';
import { amount, IS_LONG } from '../support/amount.js';
import { simpleCnn } from '../support/models.js';
import { planOf } from '../support/network.js';
import { skip } from '../support/skip.js';
import { train } from '../support/steps.js';
import { compileForAarch64, missingAarch64 } from './aarch64.js';
import { batchPlan, type GraphCase, runCase } from './batch.js';
import { checkOps } from './check.js';
import { checkExactly, contractionCases } from './contraction-cases.js';
import { generalCases } from './general-contraction-cases.js';
import { checkClose, filteredCases, filteredKernels, SAME } from './winograd-cases.js';

/** How far losses and parameters may be from the reference after two steps. */
const DRIFT: Readonly<Record<ComputeType, number>> = { f32: 1e-5, f16: 2e-3, bf16: 1e-2 };

/** f32 patterns around every rounding decision: all upper halves, with lower halves at, below and above ties; NaNs and infinities. */
function awkwardFloats(): Float32Array {
  const lower = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x1000, 0x3000];
  return new Float32Array(Uint32Array.from({ length: 65536 * lower.length }, (_, i) => ((i >> 3) << 16) | lower[i % lower.length]!).buffer);
}

/** `op` in `dtype` on given numbers. */
function elementwiseCase(op: OpName, dtype: ComputeType, x: Float32Array): GraphCase {
  const builder = new GraphBuilder();
  const type = { dtype: 'f32', shape: [x.length] } as const;
  const state = builder.add({ op: 'state', attrs: { name: 'x', role: 'parameter', init: 'constant', value: 0 }, type });
  const low = dtype === 'f32' ? state : emit(builder, 'cast', [state], { to: dtype }, { why: 'case' });
  const result = op === 'cast' ? low : emit(builder, op, [low]);
  return { graph: builder.finish('eval_step', { result }), inputs: {}, states: new Map([['x', x]]) };
}

describe('generated C on an emulated aarch64', () => {
  before(async function () {
    this.timeout(60_000);
    const reason = await missingAarch64();
    if (reason !== undefined) skip(this, reason);
  });

  it('computes every op, the formats taking turns', async function () {
    this.timeout(300_000);
    for (let turn = 0; turn < amount(1, COMPUTE_TYPES.length); turn += 1) {
      const cases = SAMPLED_OPS.map((op, i) => opCase(op, COMPUTE_TYPES[(i + turn) % COMPUTE_TYPES.length]!, 30));
      await checkOps(cases, compileForAarch64);
    }
  });

  it('has exact contractions on integers', async function () {
    this.timeout(120_000);
    await checkExactly([...contractionCases(400, amount(2, 4)), ...generalCases(400, amount(2, 4))], compileForAarch64);
  });

  it("computes convolutions by Winograd's filtering", async function () {
    this.timeout(120_000);
    const cases = filteredCases(['f16', 'f32'], [{ x: [16, 8, 8, 16], out: 32, padding: SAME }]);
    const { four, two } = filteredKernels(cases, targetFor('neon', 'arm64'));
    assert.deepEqual([four, two], [6, 4]);
    await checkClose(cases, compileForAarch64);
  });

  it('rounds as the reference does, and passes infinities and NaNs on', async function () {
    this.timeout(120_000);
    const special = Float32Array.of(Infinity, -Infinity, NaN, -0, 0, 1e-45, 3.4e38, -3.4e38, 100, -100, 1, -1, 0.5);
    const cases = [
      ...(['f16', 'bf16'] as const).map((dtype) => elementwiseCase('cast', dtype, awkwardFloats())),
      ...(['relu', 'relu6', 'gelu', 'silu', 'sigmoid', 'tanh'] as const).map((op) => elementwiseCase(op, 'f32', special)),
    ];
    const executable = await compileForAarch64(batchPlan(cases, 'cpu'));
    try {
      for (const [index, item] of cases.entries()) {
        const got = await runCase(executable, item, index);
        const want = evaluateGraph(item.graph, {}, item.states).values.get(item.graph.outputs.result!)!;
        assertClose(got, want, (x) => (index < 2 ? 0 : 1e-6 * Math.abs(x) + 1e-37), `case ${index}`);
      }
    } finally {
      await executable.dispose();
    }
  });

  for (const compute of COMPUTE_TYPES.filter((dtype) => IS_LONG || dtype === 'bf16')) {
    it(`trains a small network in ${compute}`, async function () {
      this.timeout(300_000);
      const plan: Plan = planOf(simpleCnn, { batch: 2, image: [8, 8, 3], precision: { compute } });
      const want = await train(await createReference().load(plan), plan, 2);
      const got = await train(await compileForAarch64(plan), plan, 2);
      const drift = DRIFT[compute];
      for (const [step, { loss, correct, scale }] of want.scalars.entries()) {
        const other = got.scalars[step]!;
        assertClose([other.loss!], [loss!], (x) => drift * Math.abs(x), `loss of step ${step}`);
        assert.deepEqual([other.correct, other.scale], [correct, scale]);
      }
      for (const [name, elements] of want.states)
        assertClose(got.states.get(name)!, elements, (x) => drift * Math.max(1, Math.abs(x)), name);
    });
  }
});
