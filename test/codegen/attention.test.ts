import type { InstructionSet } from '../../src/codegen/c/target.js';
import { COMPUTE_TYPES, type ComputeType } from '../../src/ir/types.js';
import { skip } from '../support/skip.js';
import { checkAttention } from './attention-cases.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';

function check(dtypes: readonly ComputeType[], isa?: InstructionSet): Promise<void> {
  return checkAttention(dtypes, 'cpu', (plan) => compilePlan(plan, isa === undefined ? {} : { isa }));
}

describe('attention a head at a time, against the reference', function () {
  this.timeout(120_000);

  it('in every format', () => check(COMPUTE_TYPES));

  for (const isa of ['avx2', 'plain'] as const) {
    it(`with ${isa} instructions`, async function () {
      const compiler = await compilerNamed();
      if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(this, `this processor does not run ${isa}`);
      await check(['bf16'], isa);
    });
  }
});
