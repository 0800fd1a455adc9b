import type { Evaluated } from '../ir/average.js';
import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import type { Besides, Scores, SetScores } from './checkpoint-metadata.js';
import type { Dataset } from './data/dataset.js';
import { type EvaluateOptions, type Evaluation, evaluate } from './evaluate.js';
import { hasAverages, onAverages, otherThan } from './evaluated.js';

interface Tested {
  readonly scores: Scores;
  /** All that is known of the scores on the test images; undefined: these were not evaluated. */
  readonly test: Evaluation | undefined;
}

interface OnDevice {
  readonly executable: Executable;
  readonly plan: Plan;
}

type Sets = Pick<Dataset, 'validation' | 'test'>;

interface ScoreOptions extends EvaluateOptions {
  /** Whether the test images are to be evaluated, by the scores on those kept for choosing. Left out: they are. */
  readonly isTested?: ((scores: Scores) => boolean) | undefined;
}

const scoresOf = ({ accuracy, loss }: Evaluation): SetScores => ({ ...(accuracy !== undefined && { accuracy }), loss });

async function testBoth(
  { executable, plan }: OnDevice,
  { validation, test: testSet }: Sets,
  { isTested = () => true, ...options }: ScoreOptions,
): Promise<Tested | undefined> {
  const chosen = validation === undefined ? undefined : await evaluate(executable, plan, validation, options);
  if (validation !== undefined && chosen === undefined) return undefined;
  const ofChosen = chosen === undefined ? {} : { validation: scoresOf(chosen) };
  if (!isTested(ofChosen)) return { scores: ofChosen, test: undefined };
  const test = await evaluate(executable, plan, testSet, options);
  if (test === undefined) return undefined;
  const plain = test.plain && { besides: { plain: test.plain } };
  return { scores: { ...scoresOf(test), ...ofChosen, ...plain }, test };
}

/**
 * Scores with the present states, and all that is known of those on the test images, where they are tested; undefined when interrupted.
 * `evaluated`: which they are of, where averages of the weights are kept; once there are any, the others are tested besides, unless
 * `testsBoth` is false.
 */
export async function scoreSets(
  device: OnDevice,
  sets: Sets,
  options: ScoreOptions,
  { evaluated, testsBoth }: { readonly evaluated: Evaluated | undefined; readonly testsBoth: boolean },
): Promise<Tested | undefined> {
  if (evaluated === undefined || !(await hasAverages(device))) return testBoth(device, sets, options);
  const by = <T>(which: Besides, use: () => Promise<T>): Promise<T> => (which === 'average' ? onAverages(device, use) : use());
  const tested = await by(evaluated, () => testBoth(device, sets, options));
  if (tested?.test === undefined || !testsBoth) return tested;
  const other = otherThan(evaluated);
  const besides = await by(other, () => evaluate(device.executable, device.plan, sets.test, options));
  if (besides === undefined) return undefined;
  return { ...tested, scores: { ...tested.scores, besides: { ...tested.scores.besides, [other]: scoresOf(besides) } } };
}
