import type { WgslTarget } from '../../src/codegen/wgsl/target.js';
import type { ComputeType } from '../../src/ir/types.js';
import { isOfKind, type OpName } from '../../src/ops/index.js';
import { loadPlan } from '../../src/runtime/webgpu/index.js';
import { type OpCase, opCase, SAMPLED_OPS } from '../ops/cases.js';
import { allowing, checkCases as checkAll } from '../ops/check.js';

/** What sums and curves in f32 may be off by. */
const ALLOWED = allowing(() => 2e-6);

/** Runs cases on this adapter and compares with the reference. */
export async function checkCases(cases: readonly OpCase[], choices: Partial<WgslTarget> = {}): Promise<void> {
  await checkAll(cases, 'webgpu', (plan) => loadPlan(plan, choices), ALLOWED);
}

/** The first case of each op, from `seed` on, that has no bf16, which WebGPU lacks. */
export function casesFor(ops: readonly OpName[], dtype: ComputeType, seed: number): OpCase[] {
  return ops.map((op) => {
    for (let next = seed; ; next += 1) {
      const item = opCase(op, dtype, next);
      if (item.graph.nodes.every(({ type }) => type.dtype !== 'bf16')) return item;
    }
  });
}

export const CONTRACTIONS = SAMPLED_OPS.filter((op) => isOfKind(op, 'contraction'));
