import type { StepResult } from './step-result.js';

type Parts = Readonly<Record<string, number>>;

/** Sums over the steps of an epoch; plain numbers, so that a checkpoint can hold them exactly. */
export interface TallyState {
  readonly lossSum: number;
  /** The same of each part of a loss that is a sum of several. */
  readonly partSums?: Readonly<Record<string, number>>;
  /** Steps whose loss was finite; only these make up the means. A smaller step counts, and adds to the sum, by its share of a whole one. */
  readonly lossCount: number;
  readonly correct: number;
  readonly images: number;
  readonly skipped: number;
  /** Steps whose loss was not finite. */
  readonly leftOut: number;
}

export const EMPTY_TALLY: TallyState = { lossSum: 0, lossCount: 0, correct: 0, images: 0, skipped: 0, leftOut: 0 };

function addParts(sums: Parts, parts: Parts, share: number): Parts {
  return Object.fromEntries(Object.entries(parts).map(([name, loss]) => [name, (sums[name] ?? 0) + loss * share]));
}

export function addToTally(tally: TallyState, result: StepResult): TallyState {
  const finite = Number.isFinite(result.loss);
  const partSums = finite && result.parts !== undefined ? addParts(tally.partSums ?? {}, result.parts, result.share) : tally.partSums;
  return {
    ...(partSums !== undefined && { partSums }),
    lossSum: tally.lossSum + (finite ? result.loss * result.share : 0),
    lossCount: tally.lossCount + (finite ? result.share : 0),
    correct: tally.correct + (finite ? result.correct : 0),
    images: tally.images + (finite ? result.images : 0),
    skipped: tally.skipped + (result.skipped ? 1 : 0),
    leftOut: tally.leftOut + (finite ? 0 : 1),
  };
}

/** The mean loss of a step, counted from 0. */
export interface LossPoint {
  readonly step: number;
  readonly loss: number;
}

/** Finite losses of steps that took place: the run's first and the latest one. */
export interface LossHistory {
  readonly first?: LossPoint;
  readonly last?: LossPoint;
}

export function addToHistory(history: LossHistory, { step, loss, skipped }: StepResult): LossHistory {
  if (skipped || !Number.isFinite(loss)) return history;
  return { first: history.first ?? { step, loss }, last: { step, loss } };
}

/** Mean loss of the images in steps with a finite loss; NaN when there were none. */
export function meanLoss(tally: TallyState): number {
  return tally.lossSum / tally.lossCount;
}

/** The same of each part of the loss; undefined where it has none. */
export function meanParts({ partSums, lossCount }: TallyState): Parts | undefined {
  if (partSums === undefined) return undefined;
  return Object.fromEntries(Object.entries(partSums).map(([name, sum]) => [name, sum / lossCount]));
}
