import type { StepResult } from './stepper.js';

/** Sums over the steps of an epoch; plain numbers, so that a checkpoint can hold them exactly. */
export interface TallyState {
  readonly lossSum: number;
  /** Steps whose loss was finite; only these make up the mean. */
  readonly lossCount: number;
  readonly correct: number;
  readonly images: number;
  readonly skipped: number;
}

export const EMPTY_TALLY: TallyState = { lossSum: 0, lossCount: 0, correct: 0, images: 0, skipped: 0 };

export function addToTally(tally: TallyState, result: StepResult): TallyState {
  const finite = Number.isFinite(result.loss);
  return {
    lossSum: tally.lossSum + (finite ? result.loss : 0),
    lossCount: tally.lossCount + (finite ? 1 : 0),
    correct: tally.correct + result.correct,
    images: tally.images + result.images,
    skipped: tally.skipped + (result.skipped ? 1 : 0),
  };
}

/** Mean loss of the steps with a finite loss; NaN when there were none. */
export function meanLoss(tally: TallyState): number {
  return tally.lossSum / tally.lossCount;
}
