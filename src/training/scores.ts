import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import type { Scores, SetScores } from './checkpoint-metadata.js';
import type { Dataset } from './data/dataset.js';
import { type EvaluateOptions, type Evaluation, evaluate } from './evaluate.js';

const scoresOf = ({ accuracy, loss }: Evaluation): SetScores => ({ ...(accuracy !== undefined && { accuracy }), loss });

/** Scores with the present states, and all that is known of those on the test images; undefined when interrupted. */
export async function scoreSets(
  { executable, plan }: { readonly executable: Executable; readonly plan: Plan },
  { validation, test: testSet }: Pick<Dataset, 'validation' | 'test'>,
  options: EvaluateOptions,
): Promise<{ readonly scores: Scores; readonly test: Evaluation } | undefined> {
  const chosen = validation === undefined ? undefined : await evaluate(executable, plan, validation, options);
  if (validation !== undefined && chosen === undefined) return undefined;
  const result = await evaluate(executable, plan, testSet, options);
  if (result === undefined) return undefined;
  const scores = { ...scoresOf(result), ...(chosen !== undefined && { validation: scoresOf(chosen) }) };
  return { scores, test: result };
}
