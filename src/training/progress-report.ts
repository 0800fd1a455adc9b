import { testsLeft } from '../ir/test-times.js';
import type { Scores } from './checkpoint-metadata.js';
import type { Evaluation } from './evaluate.js';
import type { BesidesScores, DoneEvent, EpochEvent, StepEvent, TrainProgress, WarningEvent } from './events.js';
import type { Progress } from './progress.js';
import { epochOf, type SessionPlan } from './session-plan.js';
import type { StepResult } from './step-result.js';
import { meanLoss, meanParts } from './tally.js';

/** What a display is told: where the run is, what the epoch has come to so far, and how long the rest will take. */
export function reportOf(
  { step, epoch, tally, scale, speed }: Progress,
  { epochs, stepsPerEpoch, totalSteps, maxSteps, imagesPerEpoch, test }: SessionPlan,
  part: Pick<TrainProgress, 'phase' | 'done' | 'total'>,
  hasAccuracy: boolean,
): TrainProgress {
  const stepsLeft = Math.max(0, Math.min(totalSteps, maxSteps) - step);
  const tests = testsLeft(test, epoch, epoch + Math.ceil(stepsLeft / stepsPerEpoch));
  return {
    ...part,
    epoch: Math.min(epochs, epoch + 1),
    epochs,
    step,
    loss: meanLoss(tally),
    ...(hasAccuracy && { accuracy: tally.correct / tally.images }),
    leftOut: tally.leftOut,
    lossScale: scale,
    skipped: tally.skipped,
    imagesPerSecond: speed.imagesPerSecond,
    dataShare: speed.dataShare,
    secondsLeft: speed.secondsFor((stepsLeft * imagesPerEpoch) / stepsPerEpoch, tests),
  };
}

/** The line of an epoch that is done; without scores where nothing was tested. */
export function epochEvent({ epoch, tally, speed, epochSeconds }: Progress, scores: Scores | undefined): EpochEvent {
  const losses = meanParts(tally);
  return {
    event: 'epoch',
    epoch: epoch + 1,
    train_loss: meanLoss(tally),
    ...(losses !== undefined && { train_losses: losses }),
    left_out_steps: tally.leftOut,
    ...validationScores(scores ?? {}),
    test_loss: scores?.loss ?? null,
    test_accuracy: scores?.accuracy ?? null,
    ...besidesScores(scores),
    images_per_second: speed.imagesPerSecond,
    data_share: Number(speed.dataShare.toFixed(4)),
    skipped_steps: tally.skipped,
    seconds: epochSeconds,
  };
}

/** As events have them. */
export function besidesScores(scores: Pick<Scores, 'besides'> | undefined): BesidesScores {
  const entries = Object.entries(scores?.besides ?? {}).flatMap(([name, { loss, accuracy = null }]) => [
    [`${name}_test_loss`, loss],
    [`${name}_test_accuracy`, accuracy],
  ]);
  return Object.fromEntries(entries);
}

function validationScores({ validation }: Partial<Scores>): Pick<EpochEvent, 'validation_loss' | 'validation_accuracy'> {
  return validation === undefined ? {} : { validation_loss: validation.loss, validation_accuracy: validation.accuracy ?? null };
}

/** The line of a run that has come to its end, or to where it was to stop; `early`: why it ends before its time. */
export function doneEvent({ epoch, step, stepInEpoch, tally, last, seconds }: Progress, early: DoneEvent['early_stop']): DoneEvent {
  return {
    event: 'done',
    test_accuracy: last?.accuracy ?? null,
    test_loss: last?.loss ?? null,
    ...besidesScores(last),
    seconds,
    steps: step,
    ...(early !== undefined && { early_stop: early }),
    ...(stepInEpoch > 0 && { epoch: epoch + 1, train_loss: meanLoss(tally), ...validationScores(last ?? {}) }),
  };
}

/** The line of a step. */
export function stepEvent(plan: SessionPlan, { step, loss, parts, scale, skipped }: StepResult): StepEvent {
  const [epoch, lr] = [epochOf(plan, step), Math.fround(plan.rate(step))];
  const groups = Object.entries(plan.groupNames);
  const rates = groups.length === 0 ? {} : plan.rates(step);
  const group_lr = Object.fromEntries(groups.map(([name, of]) => [of, Math.fround(rates[name]!)]));
  const losses = parts && { losses: parts };
  return { event: 'step', step: step + 1, epoch, loss, ...losses, lr, ...(groups.length > 0 && { group_lr }), loss_scale: scale, skipped };
}

/** What is said of a test loss that is not finite, after `step` steps; undefined of one that is. */
export function lostTest(step: number, { accuracy, loss, help }: Evaluation): WarningEvent | undefined {
  if (help === undefined) return undefined;
  const also = accuracy === undefined ? '' : ', and the test accuracy means nothing';
  return { event: 'warning', step, code: 'AMP7304', message: `the test loss after step ${step} is ${loss}${also}`, ...help };
}
