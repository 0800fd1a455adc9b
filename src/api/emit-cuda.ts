import type { Plan } from '../plan/plan.js';

/**
 * The CUDA C++ of a plan: one source that includes nothing, with a kernel for each group and the plan's lines above it. Throws UserError
 * for a plan with what its kernels do not implement.
 */
export async function emitCuda(plan: Plan): Promise<string> {
  const { emitPlan } = await import('../runtime/cuda/index.js');
  return emitPlan(plan);
}
