import type { OpName } from '../../src/ops/index.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';
import type { OpCase } from '../ops/cases.js';
import { assertClose, EXACT_OPS, largest } from '../ops/compare.js';
import { batchPlan, readCaseStates, runCase } from './batch.js';

/** Ops whose bits are the reference's on the cpu. */
const EXACT: ReadonlySet<OpName> = new Set<OpName>([...EXACT_OPS, 'global_avg_pool_grad', 'unscale', 'clip_by_norm']);

/** Share of the largest result that sums and curves in f32 may be off by. */
const TOLERANCE = 1e-6;
/** A unit in the last place, relative, of each format: what rounding another f32 can add. */
const UNIT: Readonly<Record<string, number>> = { f16: 2 ** -10, bf16: 2 ** -7 };

/** Runs cases of single ops, all in one plan, and compares results and written states with the reference. */
export async function checkOps(cases: readonly OpCase[], open: (plan: Plan) => Promise<Executable>): Promise<void> {
  const executable = await open(batchPlan(cases, 'cpu'));
  try {
    for (const [index, item] of cases.entries()) {
      const { op, graph, node, inputs, states, seed } = item;
      const got = await runCase(executable, item, index);
      const { values, writes } = evaluateGraph(graph, inputs, states as ReadonlyMap<string, Elements>);
      const want = values.get(graph.outputs.result!)!;
      const { dtype, shape } = graph.nodes[node]!.type;
      const unit = UNIT[dtype] ?? 0;
      const what = `${op} ${dtype}[${shape.join(',')}] seed ${seed}`;
      const allow = (reference: ArrayLike<number>) => {
        const most = largest(reference);
        return (x: number) => (EXACT.has(op) ? 0 : TOLERANCE * most + unit * Math.abs(x));
      };
      assertClose(got, want, allow(want), what);
      const after = await readCaseStates(executable, [...writes.keys()], index);
      for (const [name, elements] of writes) assertClose(after.get(name)!, elements, allow(elements), `${what}, state ${name}`);
    }
  } finally {
    await executable.dispose();
  }
}
