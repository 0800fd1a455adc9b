import type { Plan } from '../plan/plan.js';

/**
 * The shaders that the `webgpu` backend generates from a plan on this machine, and the order in which it runs them; without an adapter, for
 * the limits that every GPU has. Throws a plain Error for a plan with bf16, which WebGPU lacks.
 */
export async function emitWgsl(plan: Plan): Promise<string> {
  const { emitForThisMachine } = await import('../runtime/webgpu/index.js');
  return emitForThisMachine(plan);
}
