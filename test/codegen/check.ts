import type { Plan } from '../../src/plan/plan.js';
import type { Executable } from '../../src/runtime/backend.js';
import type { OpCase } from '../ops/cases.js';
import { allowing, checkCases } from '../ops/check.js';

/** What sums and curves in f32 may be off by, and what has the reference's bits in C. */
const ALLOWED = allowing(() => 1e-6, ['sqrt', 'div', 'div_dividend_grad', 'global_avg_pool_grad', 'unscale', 'clip_by_norm']);

/** Compares cases of single ops with the reference. */
export async function checkOps(cases: readonly OpCase[], open: (plan: Plan) => Promise<Executable>): Promise<void> {
  await checkCases(cases, 'cpu', open, ALLOWED);
}
