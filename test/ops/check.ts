import type { OpName } from '../../src/ops/index.js';
import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';
import { batchPlan, readCaseStates, runCase } from '../codegen/batch.js';
import type { OpCase } from './cases.js';
import { assertClose, EXACT_OPS, largest } from './compare.js';
import { isImplemented } from './implemented.js';
import { watched, watchedGraph } from './watched.js';

/** How far a backend's element may be from the reference's `x`, which is one of `want`. */
export type Allowance = (item: OpCase, want: ArrayLike<number>) => (x: number) => number;

/** A unit in the last place, relative, of each low format: what rounding another f32 can add. */
const UNIT: Readonly<Record<string, number>> = { f16: 2 ** -10, bf16: 2 ** -7 };

/**
 * The reference's bits for `EXACT_OPS` and `exact`; for the others a share of the largest element, and a unit in the last place of a low
 * result.
 */
export function allowing(tolerance: (op: OpName) => number, exact: readonly OpName[] = []): Allowance {
  const exactly = new Set([...EXACT_OPS, ...exact]);
  return ({ op, graph, node }, want) => {
    if (exactly.has(op)) return () => 0;
    const share = tolerance(op) * largest(want);
    const unit = UNIT[graph.nodes[node]!.type.dtype] ?? 0;
    return (x) => share + unit * Math.abs(x);
  };
}

/**
 * Runs those cases of single ops that the backend implements, all in one plan, and compares results and written states with the reference.
 * Neither reads an attribute that its op does not declare.
 */
export async function checkCases(
  given: readonly OpCase[],
  backend: string,
  open: (plan: Plan) => Promise<Executable>,
  allowed: Allowance,
): Promise<void> {
  const cases = given.filter((item) => isImplemented(item, backend));
  const executable = await open(watched(batchPlan(cases, backend)));
  try {
    for (const [index, item] of cases.entries()) {
      const { op, graph, node, inputs, states, seed } = item;
      const { dtype, shape } = graph.nodes[node]!.type;
      const what = `${op} ${dtype}[${shape.join(',')}] seed ${seed}`;
      const got = await runCase(executable, item, index);
      const { values, writes } = evaluateGraph(watchedGraph(graph), inputs, states as ReadonlyMap<string, Elements>);
      const want = values.get(graph.outputs.result!)!;
      assertClose(got, want, allowed(item, want), what);
      const after = await readCaseStates(executable, [...writes.keys()], index);
      for (const [name, elements] of writes) assertClose(after.get(name)!, elements, allowed(item, elements), `${what}, state ${name}`);
    }
  } finally {
    await executable.dispose();
  }
}
