import { userError } from '../diagnostics/diagnostic.js';
import { stepsOfRun } from '../ir/epoch.js';
import type { ScheduleSpec, TrainSpec } from '../ir/program.js';
import type { Checkpoint } from './checkpoint.js';
import type { RunSettings } from './checkpoint-metadata.js';
import type { WarningEvent } from './events.js';
import { changedSettings, isRateSetting } from './run-settings.js';
import { type Course, dependsOnLength, isAtEnd, learningRate, rateText, stretch, wholeCourse } from './schedule.js';

/** The length of a run that goes on. */
export interface Length {
  readonly stepsPerEpoch: number;
  readonly epochs: number;
  /** As the run was started. */
  readonly epochsBefore: number | undefined;
}

export interface Continuation {
  readonly course: Course;
  /** What is different from here on. */
  readonly warning?: WarningEvent;
  /** That it goes on for another length, where that changes no rate. */
  readonly note?: string;
}

const SCHEDULE = 'train.schedule.';
const SHARE = `${SCHEDULE}warmup`;

/** Checkpoints without a course have the rise of `one_cycle` in epochs: as the share of the run that a file has. */
function asWritten(then: RunSettings, schedule: ScheduleSpec, epochs: number): RunSettings {
  const rise = Number(then[SHARE]);
  if (then[`${SCHEDULE}kind`] !== 'one_cycle') return then;
  const same = schedule.kind === 'one_cycle' && schedule.warmup * epochs === rise;
  return { ...then, [SHARE]: String(same ? schedule.warmup : rise / epochs) };
}

/** "10 epochs", or steps where the length was none of epochs. */
function lengthText(steps: number, stepsPerEpoch: number): string {
  const epochs = steps / stepsPerEpoch;
  if (!Number.isInteger(epochs)) return `${steps} steps`;
  return epochs === 1 ? '1 epoch' : `${epochs} epochs`;
}

function warning(step: number, message: string, why: string, fix: string): WarningEvent {
  return { event: 'warning', step: step + 1, code: 'AMP7310', message, why, fix };
}

/**
 * The rates of a run that goes on. What they are made of may change: from the next step on the new settings hold, as if they had been the
 * run's from its start. A schedule that depends on the run's length and is to go on for another length is stretched: the rest of its curve
 * takes the steps that are left. Throws UserError AMP7210 when nothing is left of the curve,
 * AMP7212 when the run has trained for so long already.
 */
export function continueRates(checkpoint: Checkpoint, now: RunSettings, train: TrainSpec, length: Length): Continuation {
  const { position } = checkpoint;
  const { stepsPerEpoch, epochs, epochsBefore = epochs } = length;
  const totalSteps = stepsOfRun(stepsPerEpoch, epochs);
  const before = position.course ?? wholeCourse(stepsOfRun(stepsPerEpoch, epochsBefore));
  const then = position.course === undefined ? asWritten(checkpoint.settings, train.schedule, epochsBefore) : checkpoint.settings;
  const changed = changedSettings(then, now, isRateSetting);
  const isNewSchedule = changedSettings(then, now, (key) => key.startsWith(SCHEDULE)).length > 0;
  const { step } = position;
  const [was, is] = [before.to, totalSteps].map((steps) => lengthText(steps, stepsPerEpoch));
  if (totalSteps !== before.to && step >= totalSteps) {
    const done = position.stepInEpoch === 0 ? lengthText(step, stepsPerEpoch) : `${step} steps`;
    throw userError(
      'AMP7212',
      `nothing is left to train: the run has trained for ${done}, and is to train for ${is}`,
      `it was for ${was}, and stays as it is`,
      step < before.to ? 'go on to its end without --epochs, or ask for more than it has' : 'ask for more epochs than it has',
    );
  }
  const isStretched = totalSteps !== before.to && dependsOnLength(train.schedule) && !isNewSchedule && step > 0;
  if (isStretched && isAtEnd(train.schedule, step, before)) {
    throw userError(
      'AMP7210',
      `the run was for ${was}, and its schedule is at its end`,
      `${train.schedule.kind} spreads its rates over the whole run; of ${is} it would have had other rates from the first step on`,
      'say which rates further epochs have, such as --set train.schedule=constant --set ' +
        `train.lr=${rateText(train.optimizer.lr / 10)}, or train anew with --epochs ${epochs}`,
    );
  }
  const course = isNewSchedule || !dependsOnLength(train.schedule) || step === 0 ? wholeCourse(totalSteps) : before;
  const taken = isStretched ? stretch(before, step, totalSteps, train.schedule) : course;
  if (step === 0) return { course: taken };
  if (changed.length === 0 && !isStretched) {
    const note = `the run was for ${was} and is for ${is}: it ends with the bits that it would have if ${is} had been asked for at first`;
    return { course: taken, ...(totalSteps !== before.to && { note }) };
  }
  const clauses = isStretched ? [...changed, `the run was for ${was} and is for ${is}`] : changed;
  const left = totalSteps - step === 1 ? 'step that is left' : `${totalSteps - step} steps that are left`;
  const spread = `the rest of ${train.schedule.kind}'s curve is spread over the ${left}, and does not jump`;
  const next = rateText(learningRate(train, step, stepsPerEpoch, taken));
  const rates =
    `the rate of step ${step + 1} is ` +
    `${next}${position.rate === undefined ? '' : `, that of step ${step} was ${rateText(position.rate)}`}`;
  const bits = 'a run that had these rates from its first step on would end with other bits; this one, interrupted, goes on to its own';
  return {
    course: taken,
    warning: warning(
      step,
      `from step ${step + 1} on the learning rate is another: ${clauses.join(', ')}`,
      `${isStretched ? `${spread}; ${rates}` : rates}; ${bits}`,
      'nothing, if that is meant; otherwise resume the run with the settings that it had',
    ),
  };
}
