import { COMPUTE_TYPES } from '../../src/ir/types.js';
import { checkExactly, contractionCases, rareCases } from '../codegen/contraction-cases.js';
import { opCase, SAMPLED_OPS } from '../ops/cases.js';
import { allowing, checkCases } from '../ops/check.js';
import { amount } from '../support/amount.js';
import { emulate, needCompiler } from './emulated.js';
import { checkRows } from './rows.js';

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
});
