import assert from 'node:assert/strict';
import type { ComputeType, ValueId } from '../../src/ir/types.js';
import { LIMITS } from '../../src/numeric/formats.js';
import type { Plan } from '../../src/plan/plan.js';
import { defaultTarget } from '../../src/plan/target.js';
import type { Executable } from '../../src/runtime/backend.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { namedRandom } from '../ops/random.js';
import { batchPlan, runCase } from './batch.js';
import { CaseBuilder, type ContractionCase } from './contraction-cases.js';

interface Shape {
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly features: number;
  readonly columns: number;
  readonly causal?: boolean;
  readonly dropout?: number;
}

/** More scores than are worth keeping: some heads of a size off that of vectors, and long ones, which are computed in blocks. */
export const SHAPES: readonly Shape[] = [
  { heads: 66, queries: 65, keys: 63, features: 5, columns: 9, causal: true, dropout: 0.25 },
  { heads: 2, queries: 361, keys: 365, features: 17, columns: 16, dropout: 0.5 },
  { heads: 2, queries: 361, keys: 365, features: 16, columns: 20 },
  { heads: 1, queries: 40, keys: 6600, features: 3, columns: 2, causal: true },
];

/** Attention and the gradients of its operands, as the planner sees them. */
function attentionCase(dtype: ComputeType, shape: Shape): ContractionCase {
  const { heads, queries, keys, features, columns, causal = false, dropout } = shape;
  const b = new CaseBuilder(namedRandom('attention', keys), dtype, false);
  const cast = (x: ValueId, to: ComputeType) => (dtype === 'f32' ? x : b.emit('cast', [x], { to }, to));
  const q = b.low('q', [heads, queries, features]);
  const k = b.low('k', [heads, keys, features]);
  const v = b.low('v', [heads, keys, columns]);
  const dy = b.low('dy', [heads, queries, columns]);
  const step = dropout === undefined ? undefined : b.step(3);
  const dropped = (x: ValueId) => (step === undefined ? x : b.emit('dropout', [x, step], { rate: dropout!, seed: 5, salt: 7 }, 'f32'));
  const scores = cast(b.emit('matmul', [q, k], { transposed: 'b' }), 'f32');
  const softmax = b.emit('softmax', [scores], causal ? { causal } : {}, 'f32');
  const weights = cast(dropped(softmax), dtype);
  const y = b.emit('matmul', [weights, v]);
  const dweights = dropped(b.emit('matmul', [dy, v], { transposed: 'b' }, 'f32'));
  const dv = b.emit('matmul', [weights, dy], { transposed: 'a' });
  const dscores = cast(b.emit('softmax_grad', [dweights, softmax], {}, 'f32'), dtype);
  const dq = b.emit('matmul', [dscores, k]);
  const dk = b.emit('matmul', [dscores, q], { transposed: 'a' });
  const words = [causal ? ', causal' : '', dropout === undefined ? '' : `, dropout ${dropout}`];
  return b.finish(`${heads} heads of ${queries} queries and ${keys} keys${words.join('')}`, { y, dq, dk, dv });
}

function kinds(plan: Plan): readonly string[] {
  return plan.functions.flatMap(({ groups }) => groups.map(({ kind }) => kind));
}

/** Runs attention of some of the shapes in these formats on a backend and compares with the reference. */
export async function checkAttention(
  dtypes: readonly ComputeType[],
  backend: string,
  load: (plan: Plan) => Promise<Executable>,
  shapes: readonly Shape[] = SHAPES,
): Promise<void> {
  const cases = dtypes.flatMap((dtype) => shapes.map((shape) => ({ dtype, item: attentionCase(dtype, shape) })));
  const plan = batchPlan(
    cases.map(({ item }) => item),
    backend,
    { attention: { ...defaultTarget(backend).attention!, scoreBytes: 2 ** 20 } },
  );
  assert.deepEqual(new Set(kinds(plan)), new Set(dtypes.some((dtype) => dtype !== 'f32') ? ['map', 'attention'] : ['attention']));
  const executable = await load(plan);
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
