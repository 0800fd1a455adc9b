import { amount } from '../support/amount.js';
import { skip } from '../support/skip.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';
import { checkExactly, contractionCases, longLinearCases, rareCases, wideLinearCases } from './contraction-cases.js';
import { generalCases } from './general-contraction-cases.js';

describe('contractions of random shapes', function () {
  this.timeout(300_000);

  it('are exact on integers', () =>
    checkExactly(
      [...rareCases(['f32', 'bf16']), ...longLinearCases(['f32', 'bf16']), ...wideLinearCases(), ...contractionCases(1, amount(8, 24))],
      compilePlan,
    ));

  it('are exact with groups, dilation and batch axes', () => checkExactly(generalCases(1, amount(10, 30)), compilePlan));

  for (const [i, isa] of (['avx512', 'avx2', 'plain'] as const).entries()) {
    it(`are exact on integers with ${isa} instructions`, async function () {
      const compiler = await compilerNamed();
      if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(this, `this processor does not run ${isa}`);
      await checkExactly(
        [
          ...longLinearCases(['bf16']),
          ...wideLinearCases(),
          ...contractionCases(100 * (i + 1), amount(3, 6)),
          ...generalCases(100 * (i + 1), amount(4, 9)),
        ],
        (plan) => compilePlan(plan, { isa }),
      );
    });
  }
});
