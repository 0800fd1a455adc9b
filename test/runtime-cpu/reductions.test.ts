import type { Plan } from '../../src/plan/plan.js';
import { createBackend } from '../../src/runtime/cpu/index.js';
import { createBackend as createReference } from '../../src/runtime/reference/index.js';
import { checkEqualNumbers, checkNorms, checkOtherSums, checkWeightGradients } from '../ops/reductions.js';
import { skip } from '../support/skip.js';

describe('sums on cpu', () => {
  const open = (plan: Plan) => createBackend().load(plan, { threads: 2 });

  before(async function () {
    const { available, reason } = await createBackend().probe();
    if (!available) skip(this, reason ?? 'no C compiler');
  });

  it('are off by no more for a large batch than for a small one', () => checkOtherSums('cpu', open));
  it('of products as well', () => checkWeightGradients('cpu', open));
  it('of squares neither overflow nor vanish in a norm', () => checkNorms('cpu', open));
});

describe('sums on reference', () => {
  const open = (plan: Plan) => createReference().load(plan);

  it('of equal numbers have that number for their mean', () => checkEqualNumbers('reference', open));
  it('of squares neither overflow nor vanish in a norm', () => checkNorms('reference', open));
});
