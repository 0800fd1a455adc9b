/** The step on what is left of an epoch's images: some whole micro-batches, then a last one that may be smaller. */
export interface Tail {
  /** Micro-batches of the usual size before the last one. */
  readonly before: number;
  /** Images of the last one. */
  readonly last: number;
}

/** How the images of an epoch fall into optimizer steps. */
export interface EpochDivision {
  /** Images of a micro-batch, and micro-batches of a step. */
  readonly batch: number;
  readonly accumulate: number;
  readonly wholeSteps: number;
  /** Undefined: nothing is left, or it is dropped. */
  readonly tail: Tail | undefined;
}

export function divideEpoch(images: number, batch: number, accumulate: number, dropLast: boolean): EpochDivision {
  const wholeSteps = Math.floor(images / (batch * accumulate));
  const left = images - wholeSteps * batch * accumulate;
  const before = Math.ceil(left / batch) - 1;
  return { batch, accumulate, wholeSteps, tail: left === 0 || dropLast ? undefined : { before, last: left - before * batch } };
}

export function stepsPerEpoch({ wholeSteps, tail }: EpochDivision): number {
  return wholeSteps + (tail === undefined ? 0 : 1);
}

/** How far a product of decimal fractions may be from the whole number that it is. */
const ROUNDING = 1e-6;

/** Optimizer steps of so many epochs, which need not be whole: a step in which they end counts as a whole one. */
export function stepsOfRun(perEpoch: number, epochs: number): number {
  return Math.ceil(perEpoch * epochs - ROUNDING);
}

/** The step, counted from 0, before which something changes so many epochs into a run; it is never the first. */
export function stepOfChange(perEpoch: number, epochs: number): number {
  return Math.max(1, Math.round(perEpoch * epochs));
}

/** Images of step `step` (0-based) of an epoch. */
export function imagesOfStep({ batch, accumulate, wholeSteps, tail }: EpochDivision, step: number): number {
  return step < wholeSteps || tail === undefined ? batch * accumulate : tail.before * batch + tail.last;
}

/** Images of the steps of an epoch before step `step`. */
export function imagesBefore(division: EpochDivision, step: number): number {
  const whole = Math.min(step, division.wholeSteps) * division.batch * division.accumulate;
  return step > division.wholeSteps ? whole + imagesOfStep(division, division.wholeSteps) : whole;
}
