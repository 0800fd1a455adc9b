import type { Evaluated } from '../ir/average.js';
import type { EarlyStopSpec } from '../ir/early-stop.js';
import type { Recipe } from '../ir/program.js';
import type { TestTimes } from '../ir/test-times.js';
import type { Plan } from '../plan/plan.js';
import type { RunPosition, RunSettings } from './checkpoint-metadata.js';
import type { Course, GroupCourses, Rates } from './schedule.js';
import { EMPTY_TALLY } from './tally.js';

/** Where a new run stands. */
export const START: RunPosition = {
  step: 0,
  epoch: 0,
  stepInEpoch: 0,
  tally: EMPTY_TALLY,
  skipsInARow: 0,
  last: undefined,
  best: undefined,
  seconds: 0,
  epochSeconds: 0,
};

/** What a session is to do, as far as it is the same for all plans of the run. */
export interface SessionPlan {
  /** Epochs that the run begins. */
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly imagesPerEpoch: number;
  readonly totalSteps: number;
  readonly maxSteps: number;
  readonly logEvery: number;
  /** Skipped steps in a row that end the run; infinite without loss scaling. */
  readonly abortAfter: number;
  readonly earlyStop: EarlyStopSpec | undefined;
  /** Undefined: each epoch is tested. */
  readonly test: TestTimes | undefined;
  /** Learning rates by 0-based step: that of all, and with those of groups by the inputs that have them. */
  readonly rate: (step: number) => number;
  readonly rates: (step: number) => Rates;
  /** What is tested, where averages are kept. */
  readonly evaluated: Evaluated | undefined;
  /** Whether the other one is tested too. */
  readonly testsBoth: boolean;
  /** What the rates are made with. */
  readonly course: Course;
  readonly groupCourses: GroupCourses;
  /** What the groups with rates of their own are about, by the inputs that have these. */
  readonly groupNames: Readonly<Record<string, string>>;
  readonly settings: (plan: Plan, recipe: Recipe) => RunSettings;
}

/** The epoch, from 1, of a step that is counted from 0. */
export function epochOf({ stepsPerEpoch }: SessionPlan, step: number): number {
  return Math.floor(step / stepsPerEpoch) + 1;
}

/** Steps of an epoch that is counted from 0: of the last one only a part may be asked for. */
export function stepsIn({ stepsPerEpoch, totalSteps }: Pick<SessionPlan, 'stepsPerEpoch' | 'totalSteps'>, epoch: number): number {
  return Math.min(stepsPerEpoch, totalSteps - epoch * stepsPerEpoch);
}

/** Where a run goes on from: one whose last epoch was a part, in that epoch, if more is asked for now. */
export function goingOn(position: RunPosition, stepsPerEpoch: number, totalSteps: number): RunPosition {
  const { step, epoch, stepInEpoch } = position;
  if (stepInEpoch > 0 || step >= totalSteps || step === epoch * stepsPerEpoch) return position;
  return { ...position, epoch: epoch - 1, stepInEpoch: step - (epoch - 1) * stepsPerEpoch };
}

/** Whether a step, counted from 1, has a line in the metrics. */
export function isLogged({ logEvery }: SessionPlan, step: number): boolean {
  return step === 1 || step % logEvery === 0;
}

/**
 * Steps to the next after which something else may have to be done: a log line, a checkpoint every so many steps, another plan before step
 * `change`, the end.
 */
export function stepsUntilDue(
  plan: SessionPlan,
  { step, epoch, stepInEpoch }: Pick<RunPosition, 'step' | 'epoch' | 'stepInEpoch'>,
  checkpointSteps = Number.POSITIVE_INFINITY,
  change = Number.POSITIVE_INFINITY,
): number {
  const { maxSteps, logEvery } = plan;
  const untilMultiple = (of: number): number => (Number.isFinite(of) ? of - (step % of) : of);
  const first = step === 0 ? 1 : Number.POSITIVE_INFINITY;
  const ends = Math.min(stepsIn(plan, epoch) - stepInEpoch, maxSteps - step, change - step);
  return Math.min(first, ends, untilMultiple(logEvery), untilMultiple(checkpointSteps));
}

/** Whether a step that overflows is skipped. */
export function isGuarded({ abortAfter }: SessionPlan): boolean {
  return abortAfter !== Number.POSITIVE_INFINITY;
}
