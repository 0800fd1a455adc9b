import { userError } from '../diagnostics/diagnostic.js';
import { stepsOfRun } from '../ir/epoch.js';
import { RATE } from '../ir/parameter-groups.js';
import type { ScheduleSpec, TrainSpec } from '../ir/program.js';
import type { Checkpoint } from './checkpoint.js';
import type { RunSettings } from './checkpoint-metadata.js';
import type { WarningEvent } from './events.js';
import { changedSettings, groupKey, isRateSetting } from './run-settings.js';
import {
  type Course,
  dependsOnLength,
  type GroupCourses,
  groupRates,
  isAtEnd,
  learningRate,
  rateText,
  stretch,
  wholeCourse,
} from './schedule.js';

/** The length of a run that goes on. */
export interface Length {
  readonly stepsPerEpoch: number;
  readonly epochs: number;
  /** As the run was started. */
  readonly epochsBefore: number | undefined;
}

export interface Continuation {
  readonly course: Course;
  /** Of the rates of groups; left out: there are none. */
  readonly groupCourses?: GroupCourses;
  /** What is different from here on. */
  readonly warning?: WarningEvent;
  /** That it goes on for another length, where that changes no rate. */
  readonly note?: string;
}

const SCHEDULE = 'train.schedule.';
const SHARE = `${SCHEDULE}warmup`;

/** A schedule of the run: that of all parameters, or of a group. */
interface Curve {
  /** The graph input that has its rate. */
  readonly input: string;
  /** What its group is called. */
  readonly of?: string;
  readonly schedule: ScheduleSpec;
  /** Begins the keys of its settings. */
  readonly settings: string;
}

interface Continued extends Curve {
  readonly before: Course;
  readonly isNew: boolean;
  /** Whether what is left of it takes another number of steps. */
  readonly isStretched: boolean;
}

/** That of all parameters first. */
function curvesOf(train: TrainSpec): readonly Curve[] {
  const own = [...groupRates(train)].map(([input, { of, schedule }]) => ({ input, of, schedule, settings: groupKey(of, 'schedule.') }));
  return [{ input: RATE, schedule: train.schedule, settings: SCHEDULE }, ...own];
}

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

/** Whether what enters the averages depends on how long the run is to be. */
function followsLength({ average }: TrainSpec): boolean {
  return average?.kind === 'lookahead' && average.power > 0;
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
  const { step } = position;
  const curves = curvesOf(train).map((curve): Continued => {
    const was = position.groupCourses?.[curve.input] ?? before;
    const isNew = changedSettings(then, now, (key) => key.startsWith(curve.settings)).length > 0;
    const isStretched = totalSteps !== was.to && dependsOnLength(curve.schedule) && !isNew && step > 0;
    return { ...curve, before: was, isNew, isStretched };
  });
  const stretched = curves.filter(({ isStretched }) => isStretched);
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
  const ended = stretched.find((curve) => isAtEnd(curve.schedule, step, curve.before));
  if (ended !== undefined) {
    throw userError(
      'AMP7210',
      `the run was for ${was}, and ${ended.of === undefined ? 'its schedule' : `the schedule of ${ended.of}`} is at its end`,
      `${ended.schedule.kind} spreads its rates over the whole run; of ${is} it would have had other rates from the first step on`,
      'say which rates further epochs have, such as --set train.schedule=constant --set ' +
        `train.lr=${rateText(train.optimizer.lr / 10)}, or train anew with --epochs ${epochs}`,
    );
  }
  const ways = curves.map(({ input, schedule, isNew, ...curve }): readonly [string, Course] => {
    if (curve.isStretched) return [input, stretch(curve.before, step, totalSteps, schedule)];
    return [input, isNew || !dependsOnLength(schedule) || step === 0 ? wholeCourse(totalSteps) : curve.before];
  });
  const [[, taken], ...others] = ways as [(typeof ways)[number], ...typeof ways];
  const courses = { course: taken, ...(others.length > 0 && { groupCourses: Object.fromEntries(others) }) };
  if (step === 0) return courses;
  if (changed.length === 0 && stretched.length === 0 && totalSteps !== before.to && followsLength(train))
    return {
      ...courses,
      warning: warning(
        step,
        `from step ${step + 1} on \`lookahead\` keeps another share of its slow weights: the run was for ${was} and is for ${is}`,
        'with `power` that share follows the step as a part of the whole run; a run of this length from its start on ends with other bits',
        'nothing, if that is meant',
      ),
    };
  if (changed.length === 0 && stretched.length === 0) {
    const note = `the run was for ${was} and is for ${is}: it ends with the bits that it would have if ${is} had been asked for at first`;
    return { ...courses, ...(totalSteps !== before.to && { note }) };
  }
  const clauses = stretched.length > 0 ? [...changed, `the run was for ${was} and is for ${is}`] : changed;
  const left = totalSteps - step === 1 ? 'step that is left' : `${totalSteps - step} steps that are left`;
  const spread = `the rest of ${stretched[0]?.schedule.kind}'s curve is spread over the ${left}, and does not jump`;
  const next = rateText(learningRate(train, step, stepsPerEpoch, taken));
  const rates =
    `the rate of step ${step + 1} is ` +
    `${next}${position.rate === undefined ? '' : `, that of step ${step} was ${rateText(position.rate)}`}`;
  const bits = 'a run that had these rates from its first step on would end with other bits; this one, interrupted, goes on to its own';
  return {
    ...courses,
    warning: warning(
      step,
      `from step ${step + 1} on the learning rate is another: ${clauses.join(', ')}`,
      `${stretched.length > 0 ? `${spread}; ${rates}` : rates}; ${bits}`,
      'nothing, if that is meant; otherwise resume the run with the settings that it had',
    ),
  };
}
