import type { WgslTarget } from '../../src/codegen/wgsl/target.js';
import type { FloatType } from '../../src/ir/types.js';
import type { OpName } from '../../src/ops/index.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';
import { loadPlan } from '../../src/runtime/webgpu/index.js';
import { batchPlan, readCaseStates, runCase } from '../codegen/batch.js';
import { type OpCase, opCase, SAMPLED_OPS } from '../ops/cases.js';
import { assertClose, EXACT_OPS, largest } from '../ops/compare.js';

/** Ops whose bits are the reference's in WGSL. */
const EXACT: ReadonlySet<OpName> = new Set<OpName>([...EXACT_OPS]);

/** Share of the largest result that sums and curves in f32 may be off by. */
const TOLERANCE = 2e-6;
/** One unit in the last place of f16, relative: what rounding another f32 can add. */
const HALF_UNIT = 2 ** -10;

/** Runs cases on this adapter and compares with the reference. */
export async function checkCases(cases: readonly OpCase[], choices: Partial<WgslTarget> = {}): Promise<void> {
  const executable = await loadPlan(batchPlan(cases, 'webgpu'), choices);
  try {
    for (const [index, item] of cases.entries()) {
      const { op, graph, node, inputs, states, seed } = item;
      const got = await runCase(executable, item, index);
      const { values, writes } = evaluateGraph(graph, inputs, states as ReadonlyMap<string, Elements>);
      const want = values.get(graph.outputs.result!)!;
      const { dtype, shape } = graph.nodes[node]!.type;
      const what = `${op} ${dtype}[${shape.join(',')}] seed ${seed}`;
      const allow = (reference: ArrayLike<number>) => {
        const most = largest(reference);
        return (x: number) => (EXACT.has(op) ? 0 : TOLERANCE * most + (dtype === 'f16' ? HALF_UNIT * Math.abs(x) : 0));
      };
      assertClose(got, want, allow(want), what);
      const after = await readCaseStates(executable, [...writes.keys()], index);
      for (const [name, elements] of writes) assertClose(after.get(name)!, elements, allow(elements), `${what}, state ${name}`);
    }
  } finally {
    await executable.dispose();
  }
}

/** The first case of each op, from `seed` on, that has no bf16, which WebGPU lacks. */
export function casesFor(ops: readonly OpName[], dtype: FloatType, seed: number): OpCase[] {
  return ops.map((op) => {
    for (let next = seed; ; next += 1) {
      const item = opCase(op, dtype, next);
      if (item.graph.nodes.every(({ type }) => type.dtype !== 'bf16')) return item;
    }
  });
}

export const CONTRACTIONS = SAMPLED_OPS.filter((op) => op.startsWith('conv2d') || op.startsWith('linear'));
