import { FLOAT_TYPES } from '../../src/ir/types.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { skip } from '../support/skip.js';
import { batchPlan, runCase } from './batch.js';
import { assertClose } from './check.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';
import { type ContractionCase, convolutionCase, linearCase } from './contraction-cases.js';

/** `count` convolutions and half as many linear layers, the formats taking turns. */
function someCases(firstSeed: number, count: number): ContractionCase[] {
  const format = (i: number) => FLOAT_TYPES[i % FLOAT_TYPES.length]!;
  return [
    ...Array.from({ length: count }, (_, i) => convolutionCase(format(i), firstSeed + i)),
    ...Array.from({ length: Math.ceil(count / 2) }, (_, i) => linearCase(format(i), firstSeed + i)),
  ];
}

/** Every element of every output is the reference's: the operands are integers, and the sums exact. */
async function checkExactly(cases: readonly ContractionCase[], open: (plan: Plan) => Promise<Executable>): Promise<void> {
  const executable = await open(batchPlan(cases, 'cpu'));
  try {
    for (const [index, item] of cases.entries()) {
      const { values } = evaluateGraph(item.graph, {}, item.states as ReadonlyMap<string, Float32Array>);
      await runCase(executable, item, index, 'y');
      for (const [name, id] of Object.entries(item.graph.outputs))
        assertClose(await executable.readOutput(name), values.get(id)!, () => 0, `${item.title}: ${name}`);
    }
  } finally {
    await executable.dispose();
  }
}

describe('contractions of random shapes', function () {
  this.timeout(300_000);

  it('are exact on integers', () => checkExactly(someCases(1, 24), compilePlan));

  for (const [i, isa] of (['avx512', 'avx2', 'plain'] as const).entries()) {
    it(`are exact on integers with ${isa} instructions`, async function () {
      const compiler = await compilerNamed();
      if (compiler === undefined || !(await runnableSets(compiler)).includes(isa)) skip(this, `this processor does not run ${isa}`);
      await checkExactly(someCases(100 * (i + 1), 6), (plan) => compilePlan(plan, { isa }));
    });
  }
});
