import { userError } from '../diagnostics/diagnostic.js';
import { parsePlan } from '../plan/parse.js';
import type { Plan } from '../plan/plan.js';
import type { CompileOptions } from './compile.js';
import { isSavedPlan, readText } from './source.js';

/**
 * The plan in a file that `ampc plan --dump` or a run wrote; undefined for a `.amp` file. Throws UserError AMP6301 when `options` ask for another
 * one, and as `readText` and `parsePlan`.
 */
export async function readSavedPlan(
  path: string,
  { precision, policy, batch, costs, calibration, set, backend }: CompileOptions,
): Promise<Plan | undefined> {
  const source = await readText(path);
  if (!isSavedPlan(source)) return undefined;
  const isChanged =
    [precision, policy, batch, costs, calibration, backend].some((option) => option !== undefined) || (set ?? []).length > 0;
  if (!isChanged) return parsePlan(source.text, path);
  throw userError(
    'AMP6301',
    `${path} is a saved plan: nothing of it can be changed`,
    'its formats are decided already',
    'give the .amp file instead',
  );
}
