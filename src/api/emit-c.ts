import type { Plan } from '../plan/plan.js';

/**
 * The C file that the `cpu` backend generates from a plan on this machine. Throws UserError without a compiler: it decides the
 * instructions.
 */
export async function emitC(plan: Plan): Promise<string> {
  const { emitForThisMachine } = await import('../runtime/cpu/index.js');
  return emitForThisMachine(plan);
}
