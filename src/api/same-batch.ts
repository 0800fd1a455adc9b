import { type Compiled, type CompileOptions, compile } from '../choose/plan-file.js';
import { rankCounts, type SameBatch } from '../plan/network.js';
import type { Plan } from '../plan/plan.js';

/**
 * Plans of a file for other numbers of ranks than `compiled` has, which share its batch: up to one for each image, of the rank with the
 * most images. Throws UserError as `compile`.
 */
export async function plansOfSameBatch(file: string, { plan, program }: Compiled, options: CompileOptions): Promise<SameBatch> {
  const { batch, accumulate } = program.recipe.train;
  const plans = new Map<number, Plan>();
  for (const count of rankCounts(plan).filter((ranks) => ranks <= batch)) {
    const ranks = count === 1 ? undefined : { count, rank: count - 1 };
    plans.set(count, (await compile(file, { ...options, ranks })).plan);
  }
  return { plans, images: batch * accumulate };
}
