import { averageShare } from '../ir/average.js';
import { AVERAGE_SHARE } from '../ir/graph-names.js';
import { RATE, rateInput } from '../ir/parameter-groups.js';
import type { ParameterGroup, ScheduleSpec, TrainSpec } from '../ir/program.js';
import { assertNever } from '../ir/types.js';

/** The half cosine from `start` (fraction 0) to `end` (fraction 1). */
function cosineBetween(start: number, end: number, fraction: number): number {
  return end + ((start - end) / 2) * (1 + Math.cos(Math.PI * fraction));
}

/**
 * Like PyTorch's OneCycleLR with cosine annealing and two phases: up from 1/divStart to 1 over the warmup, then down to
 * 1/(divStart * divEnd) at the last step. The peak is reached one step before the warmup's length, as there.
 */
function oneCycle(spec: Extract<ScheduleSpec, { kind: 'one_cycle' }>, step: number, totalSteps: number): number {
  const start = 1 / spec.divStart;
  const peakStep = spec.warmup * totalSteps - 1;
  const lastStep = totalSteps - 1;
  if (step <= peakStep) return cosineBetween(start, 1, peakStep > 0 ? step / peakStep : 1);
  const fraction = lastStep > peakStep ? (step - peakStep) / (lastStep - peakStep) : 1;
  return cosineBetween(1, start / spec.divEnd, Math.min(1, fraction));
}

/** The straight lines between points, at `place`. */
function between(points: readonly (readonly [number, number])[], place: number): number {
  const first = points[0];
  if (first === undefined) return 1;
  if (place < first[0]) return first[1];
  let [fromPlace, from] = first;
  for (const [toPlace, to] of points.slice(1)) {
    if (place < toPlace) return from + ((to - from) * (place - fromPlace)) / (toPlace - fromPlace);
    [fromPlace, from] = [toPlace, to];
  }
  return from;
}

/** So that a share of a run such as 0.29 of 100 steps, 28.999…, is the whole step that it means. */
const ROUNDING = 1e-6;

function piecewise(spec: Extract<ScheduleSpec, { kind: 'piecewise' }>, step: number, stepsPerEpoch: number, course: Course): number {
  const { points, over = 'epochs' } = spec;
  switch (over) {
    case 'epochs':
      return between(points, step / stepsPerEpoch);
    case 'steps':
      return between(points, step);
    case 'run':
      return between(
        points.map(([share, factor]) => [Math.floor(share * course.of + ROUNDING), factor]),
        placeOf(course, step, spec),
      );
  }
}

/** How often a `step` schedule has multiplied by step `step`. */
function timesOf({ every, at }: Extract<ScheduleSpec, { kind: 'step' }>, step: number, stepsPerEpoch: number): number {
  if (at !== undefined) return at.filter((epoch) => step >= Math.round(epoch * stepsPerEpoch)).length;
  return Math.floor(step / Math.max(1, Math.round(every * stepsPerEpoch)));
}

/**
 * How many steps before a run's length its schedule is at its end: `one_cycle` has its last rate in the last step, `cosine` would have it a
 * step later, as `piecewise` over the run. Undefined where the rates do not depend on how long the run is to be.
 */
const ENDS_BEFORE = {
  constant: undefined,
  step: undefined,
  cosine: 0,
  one_cycle: 1,
  piecewise: 0,
} as const satisfies Readonly<Record<ScheduleSpec['kind'], number | undefined>>;

/** Whether a schedule's rates depend on how long the run is to be. */
export function dependsOnLength(schedule: ScheduleSpec): boolean {
  return schedule.kind === 'piecewise' ? schedule.over === 'run' : ENDS_BEFORE[schedule.kind] !== undefined;
}

/** Whether nothing is left of a schedule's curve to spread over further steps, when `step` is the next. */
export function isAtEnd({ kind }: ScheduleSpec, step: number, course: Course): boolean {
  return step >= course.to - (ENDS_BEFORE[kind] ?? 0);
}

/**
 * How a run goes through a schedule that depends on its length: the curve of `of` steps, from its place `at` on, spread evenly over the
 * run's steps `from` to `to`. Steps are 0-based; `at` need not be whole.
 */
export interface Course {
  readonly from: number;
  readonly at: number;
  readonly of: number;
  readonly to: number;
}

/** Of a run whose length never changed. */
export function wholeCourse(totalSteps: number): Course {
  return { from: 0, at: 0, of: totalSteps, to: totalSteps };
}

/** The place on the curve at which step `step` is; its end is met where the schedule ends. */
function placeOf({ from, at, of, to }: Course, step: number, { kind }: ScheduleSpec): number {
  const before = ENDS_BEFORE[kind] ?? 0;
  const [curve, steps] = [of - before - at, to - before - from];
  return steps > 0 ? at + ((step - from) * curve) / steps : at;
}

/** From step `step` on, what is left of the curve takes as many steps as are left of `totalSteps`: the rate does not jump. */
export function stretch(course: Course, step: number, totalSteps: number, schedule: ScheduleSpec): Course {
  return { from: step, at: placeOf(course, step, schedule), of: course.of, to: totalSteps };
}

function scheduleFactor(spec: ScheduleSpec, step: number, stepsPerEpoch: number, course: Course): number {
  switch (spec.kind) {
    case 'constant':
      return 1;
    case 'step':
      return spec.gamma ** timesOf(spec, step, stepsPerEpoch);
    case 'cosine':
      return cosineBetween(1, spec.min, Math.min(1, placeOf(course, step, spec) / course.of));
    case 'one_cycle':
      return oneCycle(spec, placeOf(course, step, spec), course.of);
    case 'piecewise':
      return piecewise(spec, step, stepsPerEpoch, course);
    default:
      return assertNever(spec);
  }
}

/** A rate for people: three digits. */
export function rateText(rate: number): string {
  return String(Number(rate.toPrecision(3)));
}

/** Advice about the rate of the step that went wrong. */
export function lowerRate(rate: number): string {
  return `lower the learning rate (it was ${rateText(rate)})`;
}

/**
 * The learning rate of optimizer step `step` (0-based; skipped steps count). Formulas of PyTorch's StepLR, CosineAnnealingLR and
 * OneCycleLR, stepped once per optimizer step. Warmup multiplies: step k of W warmup steps uses (k + 1) / W of the rate.
 */
export function learningRate(
  train: Pick<TrainSpec, 'optimizer' | 'schedule' | 'warmup'>,
  step: number,
  stepsPerEpoch: number,
  course: Course,
): number {
  const warmupSteps = Math.round(train.warmup * stepsPerEpoch);
  const ramp = step < warmupSteps ? (step + 1) / warmupSteps : 1;
  return train.optimizer.lr * ramp * scheduleFactor(train.schedule, step, stepsPerEpoch, course);
}

/**
 * Learning rates by the graph inputs that have them: `lr`, and `lr.2` of the second group line if it says anything of its rate; and
 * `average`, how much of what a step leaves enters the averages of weights, where there are any.
 */
export type Rates = Readonly<Record<string, number>>;

/** Ways through their schedules of the rates that groups have, where they are not that of `lr`. */
export type GroupCourses = Readonly<Record<string, Course>>;

type Rated = Pick<TrainSpec, 'optimizer' | 'schedule' | 'warmup'>;

/** What the rates of groups are made of. */
export function groupRates({ groups = [] }: Pick<TrainSpec, 'groups'>): ReadonlyMap<string, ParameterGroup> {
  return new Map(groups.filter(({ ownRate }) => ownRate).map((group) => [rateInput(groups, group), group]));
}

/** What groups with rates of their own are called, by the inputs that have these. */
export function namesOfGroups(train: Pick<TrainSpec, 'groups'>): Readonly<Record<string, string>> {
  return Object.fromEntries([...groupRates(train)].map(([name, { of }]) => [name, of]));
}

/** The learning rates of optimizer step `step`, each as `learningRate`, and what enters the averages. */
export function learningRates(
  train: Rated & Pick<TrainSpec, 'groups' | 'average'>,
  step: number,
  stepsPerEpoch: number,
  course: Course,
  courses: GroupCourses = {},
): Rates {
  const parts: readonly (readonly [string, Rated])[] = [[RATE, train], ...groupRates(train)];
  const rates = parts.map(([name, part]) => [name, learningRate(part, step, stepsPerEpoch, courses[name] ?? course)] as const);
  const { average } = train;
  const share = average && averageShare(average, step, { stepsPerEpoch, totalSteps: course.to });
  return { ...Object.fromEntries(rates), ...(share !== undefined && { [AVERAGE_SHARE]: share }) };
}
