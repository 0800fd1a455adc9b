import { COMPUTE_TYPES, type ComputeType } from '../../src/ir/types.js';
import { type OpCase, opCase, SAMPLED_OPS, withConstants } from '../ops/cases.js';
import { IS_LONG } from '../support/amount.js';
import { skip } from '../support/skip.js';
import { checkOps } from './check.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';

function casesFor(seeds: readonly number[], formats: readonly ComputeType[]): OpCase[] {
  return SAMPLED_OPS.flatMap((op) => seeds.flatMap((seed) => formats.map((dtype) => opCase(op, dtype, seed))));
}

/** One case of every op, the formats taking turns. */
function someCases(seed: number): OpCase[] {
  return SAMPLED_OPS.map((op, i) => opCase(op, COMPUTE_TYPES[(i + seed) % COMPUTE_TYPES.length]!, seed));
}

describe('generated C against the reference', () => {
  for (const dtype of COMPUTE_TYPES) {
    it(`computes every op in ${dtype}`, async function () {
      this.timeout(300_000);
      await checkOps(casesFor(IS_LONG ? [1, 2] : [1], [dtype]), compilePlan);
    });
  }

  it('reads constants wherever an op reads a tensor', async function () {
    this.timeout(300_000);
    // A kernel may prepare to read a value that is a number in its code.
    const flags = ['-Werror', '-Wno-unused-variable', '-Wno-unused-parameter'];
    await checkOps(casesFor([3], ['f32']).flatMap(withConstants), (plan) => compilePlan(plan, { flags }));
  });

  for (const [offset, isa] of (['avx512', 'avx2', 'plain'] as const).entries()) {
    it(`computes every op with ${isa} instructions`, async function () {
      this.timeout(300_000);
      const compiler = await compilerNamed();
      if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(this, `this processor does not run ${isa}`);
      await checkOps(someCases(10 + offset), (plan) => compilePlan(plan, { isa }));
    });
  }

  for (const name of ['gcc', 'clang']) {
    it(`computes every op when ${name} compiles it, without a warning`, async function () {
      this.timeout(300_000);
      const compiler = await compilerNamed(name);
      if (compiler === undefined) skip(this, `${name} is not installed`);
      await checkOps(someCases(20), (plan) => compilePlan(plan, { compiler }));
    });
  }
});
