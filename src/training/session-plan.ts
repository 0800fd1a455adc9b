import type { Recipe } from '../ir/program.js';
import type { Plan } from '../plan/plan.js';
import type { RunPosition, RunSettings } from './checkpoint-metadata.js';
import type { Course } from './schedule.js';
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
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly imagesPerEpoch: number;
  readonly totalSteps: number;
  readonly maxSteps: number;
  readonly logEvery: number;
  /** Skipped steps in a row that end the run; infinite without loss scaling. */
  readonly abortAfter: number;
  /** Learning rate by 0-based step. */
  readonly rate: (step: number) => number;
  /** What the rates are made with. */
  readonly course: Course;
  readonly settings: (plan: Plan, recipe: Recipe) => RunSettings;
}

/** The epoch, from 1, of a step that is counted from 0. */
export function epochOf({ stepsPerEpoch }: SessionPlan, step: number): number {
  return Math.floor(step / stepsPerEpoch) + 1;
}

/** Whether a step, counted from 1, has a line in the metrics. */
export function isLogged({ logEvery }: SessionPlan, step: number): boolean {
  return step === 1 || step % logEvery === 0;
}

/** Steps to the next after which something else may have to be done: a log line, a checkpoint every so many steps, the end. */
export function stepsUntilDue(
  { stepsPerEpoch, maxSteps, logEvery }: SessionPlan,
  { step, stepInEpoch }: Pick<RunPosition, 'step' | 'stepInEpoch'>,
  checkpointSteps = Number.POSITIVE_INFINITY,
): number {
  const untilMultiple = (of: number): number => (Number.isFinite(of) ? of - (step % of) : of);
  const first = step === 0 ? 1 : Number.POSITIVE_INFINITY;
  return Math.min(first, stepsPerEpoch - stepInEpoch, maxSteps - step, untilMultiple(logEvery), untilMultiple(checkpointSteps));
}

/** Whether a step that overflows is skipped. */
export function isGuarded({ abortAfter }: SessionPlan): boolean {
  return abortAfter !== Number.POSITIVE_INFINITY;
}
