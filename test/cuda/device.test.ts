import assert from 'node:assert/strict';
import { COMPUTE_TYPES } from '../../src/ir/types.js';
import { createBackend } from '../../src/runtime/cuda/index.js';
import { checkExactly, contractionCases, rareCases } from '../codegen/contraction-cases.js';
import { opCase, SAMPLED_OPS } from '../ops/cases.js';
import { allowing, checkCases } from '../ops/check.js';
import { amount } from '../support/amount.js';
import { skip } from '../support/skip.js';
import { CASES, checkBatches, checkTraining } from './cases.js';
import { checkRows } from './rows.js';

/** Of a device: it may round inside a product of tensor cores as it likes, and has other curves than the processor. */
const TOLERANCE = 1e-4;

describe('a GPU of NVIDIA', function () {
  this.timeout(600_000);
  const backend = createBackend();

  before(async function () {
    if (process.env.AMPC_TEST_CUDA !== 'device') skip(this, 'AMPC_TEST_CUDA=device tests the GPU of this machine through --backend cuda');
    const { available, reason } = await backend.probe({ automatic: true });
    assert.ok(available, reason);
  });

  it('passes its self-check', async () => {
    assert.equal(await backend.distrust!(), undefined);
  });

  for (const one of CASES) {
    const [name, , compute, steps] = one;
    it(`trains ${name} as the reference does, ${steps} steps in ${compute}`, () => checkTraining(one));
  }

  it('puts batches together as the host does, to the bit', checkBatches);

  it('computes contractions of random shapes exactly on integers', async () => {
    await checkExactly([...rareCases(COMPUTE_TYPES), ...contractionCases(700, amount(12, 60))], (plan) => backend.load(plan), 'cuda');
  });

  it('shares rows among the lanes of a warp', async () => {
    await checkRows((plan) => backend.load(plan));
  });

  for (const [i, dtype] of COMPUTE_TYPES.entries())
    it(`computes every op in ${dtype}`, async () => {
      const cases = SAMPLED_OPS.map((op) => opCase(op, dtype, 1 + i));
      await checkCases(
        cases,
        'cuda',
        (plan) => backend.load(plan),
        allowing(() => TOLERANCE),
      );
    });
});
