import { type CompileOptions, compile } from '../choose/plan-file.js';
import type { Source } from '../diagnostics/diagnostic.js';
import { explainPlan, type PlanReport } from './report.js';

/** What would run: formats and their reasons, casts, memory, as `ampc plan --json` tells it. Throws UserError as `compile`. */
export async function plan(input: string | Source, options: CompileOptions = {}): Promise<PlanReport> {
  return explainPlan(await compile(input, options));
}
