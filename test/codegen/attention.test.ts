import assert from 'node:assert/strict';
import type { InstructionSet } from '../../src/codegen/c/target.js';
import { COMPUTE_TYPES, type ComputeType, type ValueId } from '../../src/ir/types.js';
import { LIMITS } from '../../src/numeric/formats.js';
import type { Plan } from '../../src/plan/plan.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { namedRandom } from '../ops/random.js';
import { skip } from '../support/skip.js';
import { batchPlan, runCase } from './batch.js';
import { compilePlan, compilerNamed, runnableSets } from './compile.js';
import { CaseBuilder, type ContractionCase } from './contraction-cases.js';

interface Shape {
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly features: number;
  readonly columns: number;
}

/** More scores than are worth keeping: some heads of a size off that of vectors, and long ones, which are computed in blocks. */
const SHAPES: readonly Shape[] = [
  { heads: 66, queries: 65, keys: 63, features: 5, columns: 9 },
  { heads: 2, queries: 361, keys: 365, features: 17, columns: 16 },
  { heads: 1, queries: 40, keys: 6600, features: 3, columns: 2 },
];

/** Attention and the gradients of its operands, as the planner sees them. */
function attentionCase(dtype: ComputeType, { heads, queries, keys, features, columns }: Shape, causal: boolean): ContractionCase {
  const b = new CaseBuilder(namedRandom('attention', keys), dtype, false);
  const cast = (x: ValueId, to: ComputeType) => (dtype === 'f32' ? x : b.emit('cast', [x], { to }, to));
  const q = b.low('q', [heads, queries, features]);
  const k = b.low('k', [heads, keys, features]);
  const v = b.low('v', [heads, keys, columns]);
  const dy = b.low('dy', [heads, queries, columns]);
  const scores = cast(b.emit('matmul', [q, k], { transposed: 'b' }), 'f32');
  const softmax = b.emit('softmax', [scores], causal ? { causal } : {}, 'f32');
  const weights = cast(softmax, dtype);
  const y = b.emit('matmul', [weights, v]);
  const dweights = b.emit('matmul', [dy, v], { transposed: 'b' }, 'f32');
  const dv = b.emit('matmul', [weights, dy], { transposed: 'a' });
  const dscores = cast(b.emit('softmax_grad', [dweights, softmax], {}, 'f32'), dtype);
  const dq = b.emit('matmul', [dscores, k]);
  const dk = b.emit('matmul', [dscores, q], { transposed: 'a' });
  const title = `${heads} heads of ${queries} queries and ${keys} keys${causal ? ', causal' : ''}`;
  return b.finish(title, { y, dq, dk, dv });
}

function kinds(plan: Plan): readonly string[] {
  return plan.functions.flatMap(({ groups }) => groups.map(({ kind }) => kind));
}

async function check(dtypes: readonly ComputeType[], isa?: InstructionSet): Promise<void> {
  const cases = dtypes.flatMap((dtype) => SHAPES.map((shape, i) => ({ dtype, item: attentionCase(dtype, shape, i !== 1) })));
  const plan = batchPlan(
    cases.map(({ item }) => item),
    'cpu',
  );
  assert.deepEqual(new Set(kinds(plan)), new Set(dtypes.some((dtype) => dtype !== 'f32') ? ['map', 'attention'] : ['attention']));
  const executable = await compilePlan(plan, isa === undefined ? {} : { isa });
  try {
    for (const [index, { dtype, item }] of cases.entries()) {
      const states = new Map([...item.states].map(([name, data]) => [name, data]));
      const { values } = evaluateGraph(item.graph, item.inputs, states);
      for (const [name, id] of Object.entries(item.graph.outputs)) {
        const found = await runCase(executable, item, index, name);
        const expected = values.get(id)!;
        const largest = Math.max(...Array.from(expected, Math.abs));
        // A sum in another order may be rounded to the neighbour, of the scores and of the result.
        const allowed = largest * (dtype === 'f32' ? 4e-6 : 4 * LIMITS[dtype].unitRoundoff);
        for (const [i, value] of found.entries())
          assert.ok(Math.abs(value - expected[i]!) <= allowed, `${name}[${i}] of ${item.title}: ${value}, not ${expected[i]}`);
      }
    }
  } finally {
    await executable.dispose();
  }
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
