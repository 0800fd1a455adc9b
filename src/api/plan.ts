import { COMPILE_KEYS, refuseUnknown } from '../choose/option-keys.js';
import { type CompileOptions, compile } from '../choose/plan-file.js';
import type { Source } from '../diagnostics/diagnostic.js';
import { explainPlan, type PlanReport } from './report.js';

/** What would run: formats and their reasons, casts, memory, as `ampc plan --json` tells it. Throws UserError as `compile`. */
export async function plan(input: string | Source, options: CompileOptions = {}): Promise<PlanReport> {
  refuseUnknown('plan', options, COMPILE_KEYS);
  return explainPlan(await compile(input, options));
}
