import type { EpochEvent } from '../index.js';
import { formatCount, formatLoss } from './output.js';

type EpochLoss = Pick<EpochEvent, 'train_loss' | 'left_out_steps'>;

/** `1 step`, `1,200 steps`. */
export function formatSteps(count: number): string {
  return count === 1 ? '1 step' : `${formatCount(count)} steps`;
}

/** The train loss as a table of epochs shows it: with a star where steps are left out of it, of which `leftOutNote` tells. */
export function trainLossCell({ train_loss, left_out_steps }: EpochLoss): string {
  return `${formatLoss(train_loss)}${left_out_steps ? '*' : ''}`;
}

/** What the stars of such a table mean, a line; undefined where it has none. */
export function leftOutNote(epochs: readonly EpochLoss[]): string | undefined {
  const leftOut = epochs.reduce((sum, { left_out_steps = 0 }) => sum + left_out_steps, 0);
  return leftOut === 0 ? undefined : `* without the ${formatSteps(leftOut)} whose loss was not finite`;
}
