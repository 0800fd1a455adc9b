import { isTested } from '../ir/test-times.js';
import type { Scores } from './checkpoint-metadata.js';
import { stalled, withEpoch } from './early-stop.js';
import type { Progress } from './progress.js';
import { epochEvent } from './progress-report.js';
import type { SessionPlan } from './session-plan.js';

/** Whether the test images are evaluated behind the present epoch, of these scores otherwise: where its turn is, or the run ends. */
export function isTestDue(
  { test, epochs, earlyStop }: SessionPlan,
  progress: Progress,
  { scores, isStopped }: { readonly scores: Scores; readonly isStopped: boolean },
): boolean {
  const epoch = progress.epoch + 1;
  if (isTested(test, epoch) || isStopped || epoch === epochs) return true;
  if (earlyStop === undefined) return false;
  const bestEpoch = withEpoch(progress.bestEpoch, epochEvent(progress, scores), earlyStop);
  return stalled(earlyStop, { bestEpoch, epoch, stepInEpoch: 0 }) !== undefined;
}
