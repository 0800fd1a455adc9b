import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import { COMPUTE_TYPES } from '../../src/ir/types.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { Executable } from '../../src/runtime/backend.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { initialStates } from '../../src/training/states.js';
import { checkExactly, contractionCases, rareCases } from '../codegen/contraction-cases.js';
import { opCase, SAMPLED_OPS } from '../ops/cases.js';
import { allowing, checkCases } from '../ops/check.js';
import { amount } from '../support/amount.js';
import { simpleCnn } from '../support/models.js';
import { programOf } from '../support/network.js';
import { randomInputs } from '../support/run.js';
import { emulate, needCompiler } from './emulated.js';
import { checkRows } from './rows.js';

const STEPS = 4;

describe('generated CUDA C++, emulated, against the reference', function () {
  this.timeout(300_000);

  before(async function () {
    await needCompiler(this);
  });

  for (const [i, dtype] of COMPUTE_TYPES.entries()) {
    it(`computes every op in ${dtype}`, async () => {
      const cases = SAMPLED_OPS.map((op) => opCase(op, dtype, 1 + i));
      await checkCases(
        cases,
        'cuda',
        (plan) => emulate(plan),
        allowing(() => 2e-6),
      );
    });
  }

  it('shares a row among the lanes of a warp', async () => {
    await checkRows((plan) => emulate(plan));
  });

  it('computes contractions of random shapes exactly on integers', async () => {
    await checkExactly([...rareCases(COMPUTE_TYPES), ...contractionCases(700, amount(6, 60))], (plan) => emulate(plan), 'cuda');
  });

  it(`trains SimpleCNN as the reference does, ${STEPS} steps in mixed precision`, async () => {
    const program = programOf(simpleCnn, { image: [8, 8, 3], batch: 3 });
    const plan = compileProgram(program, defaultTarget('cuda'));
    const train = async (executable: Executable) => {
      try {
        await executable.writeStates(initialStates(plan, 0));
        for (let step = 0; step < STEPS; step += 1) await executable.call('train_step', randomInputs(program, 0));
        return (await executable.drain()).map(({ loss }) => loss!);
      } finally {
        await executable.dispose();
      }
    };
    const want = await train(await createReference().load(plan));
    const got = await train(await emulate(plan));
    assert.equal(got.length, STEPS);
    for (const [step, loss] of want.entries())
      assert.ok(Math.abs(got[step]! - loss) <= 0.01 * loss, `step ${step + 1}: the loss is ${got[step]}, the reference's ${loss}`);
    assert.ok(want.at(-1)! < want[0]!, 'it learns');
  });
});
