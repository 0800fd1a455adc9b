import { type Source, userError } from '../diagnostics/diagnostic.js';
import { verifyGraph } from '../ir/verify.js';
import { opRules } from '../ops/rules.js';
import { parsePlan } from '../plan/parse.js';
import type { Plan } from '../plan/plan.js';
import type { CompileOptions } from './compile.js';
import { isSavedPlan, readText } from './source.js';

/** Reads the text of a saved plan. Throws UserError AMP5001 where it cannot be read, AMP5002 where this version of ampc could not have written it. */
export function parseSavedPlan({ text, path }: Source): Plan {
  const plan = parsePlan(text, path);
  try {
    for (const { graph } of plan.functions) verifyGraph(graph, opRules);
  } catch (error) {
    throw userError(
      'AMP5002',
      `${path} is no plan of this version of ampc`,
      (error as Error).message,
      'make it again from its .amp file: ampc plan FILE --dump',
    );
  }
  return plan;
}

/**
 * The plan in a file that `ampc plan --dump` or a run wrote; undefined for a `.amp` file. Throws UserError AMP6301 when `options` ask for another
 * one, and as `readText` and `parseSavedPlan`.
 */
export async function readSavedPlan(
  path: string,
  { precision, policy, batch, costs, calibration, set, backend }: CompileOptions,
): Promise<Plan | undefined> {
  const source = await readText(path);
  if (!isSavedPlan(source)) return undefined;
  const isChanged =
    [precision, policy, batch, costs, calibration, backend].some((option) => option !== undefined) || (set ?? []).length > 0;
  if (!isChanged) return parseSavedPlan(source);
  throw userError(
    'AMP6301',
    `${path} is a saved plan: nothing of it can be changed`,
    'its formats are decided already',
    'give the .amp file instead',
  );
}
