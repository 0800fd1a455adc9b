import { diffPlans, type PlanDiff } from '../plan/diff.js';
import { type Footprint, footprint } from '../plan/footprint.js';
import type { Plan } from '../plan/plan.js';
import { workspaceOf } from '../runtime/select.js';

/** Memory by class, with the workspace that the plan's backend adds on this machine. */
export async function memoryOf(plan: Plan): Promise<Footprint> {
  const memory = footprint(plan);
  const beside = await workspaceOf(plan);
  return { ...memory, workspace: memory.workspace + beside, total: memory.total + beside };
}

/** Compares two plans; their memory is what `ampc plan` says of each. */
export async function comparePlans(before: Plan, after: Plan): Promise<PlanDiff> {
  return diffPlans(before, after, { before: await memoryOf(before), after: await memoryOf(after) });
}
