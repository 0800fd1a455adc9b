import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import { batchPlan, runCase } from '../codegen/batch.js';
import { CaseBuilder } from '../codegen/contraction-cases.js';
import { assertClose, largest } from '../ops/compare.js';
import { namedRandom } from '../ops/random.js';

/** Rows as long as a warp, longer and shorter, with the first of the largest numbers in every place. */
const LENGTHS = [1, 5, 31, 32, 33, 70, 257];

/** What ops along rows give where the lanes of a warp share a row. */
export async function checkRows(open: (plan: Plan) => Promise<Executable>): Promise<void> {
  const cases = LENGTHS.map((length) => {
    const b = new CaseBuilder(namedRandom('rows', length), 'f32', false);
    const rows = 9;
    const x = b.full('x', [rows, length]);
    // Numbers that repeat: of the largest, the first counts.
    const tied = b.given('tied', [rows, length], () => b.random.int(0, 2));
    const label = b.labels(Array.from({ length: rows }, (_, row) => (row === 4 ? -1 : (row * 7) % length)));
    return b.finish(`rows of ${length}`, {
      softmax: b.emit('softmax', [x]),
      log_softmax: b.emit('log_softmax', [x]),
      loss: b.emit('cross_entropy', [x, label], { label_smoothing: 0 }),
      correct: b.emit('correct_count', [tied, label]),
    });
  });
  const executable = await open(batchPlan(cases, 'cuda'));
  try {
    for (const [i, item] of cases.entries()) {
      const { values } = evaluateGraph(item.graph, item.inputs, item.states as ReadonlyMap<string, Float32Array>);
      for (const [name, id] of Object.entries(item.graph.outputs)) {
        const want = values.get(id)!;
        assertClose(await runCase(executable, item, i, name), want, () => 1e-6 * largest(want), `${name} of ${item.title}`);
      }
    }
  } finally {
    await executable.dispose();
  }
}
