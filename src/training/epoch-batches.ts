import { divideEpoch, type EpochDivision, imagesBefore, stepsPerEpoch } from '../ir/epoch.js';
import { Batcher } from './data/batcher.js';
import { ownPlaces } from './data/parts.js';
import type { TrainOptions } from './options.js';
import { findFunction } from './states.js';

type Options = Pick<TrainOptions, 'plan' | 'recipe' | 'dataset' | 'shuffle' | 'augment' | 'ranks'>;

/** What makes the batches of a training, and how they divide an epoch. */
export interface EpochBatches {
  readonly batcher: Batcher;
  /** Of a micro-batch of all ranks. */
  readonly batch: number;
  readonly division: EpochDivision;
}

export function epochBatches({ plan, recipe, dataset, shuffle = true, augment = true, ranks }: Options): EpochBatches {
  const { seed, accumulate, dropLast } = recipe.train;
  const batch = ranks === undefined ? (findFunction(plan, 'train_step')?.batch ?? recipe.train.batch) : recipe.train.batch;
  const batcher = new Batcher(dataset.train, { seed, shuffle, augment: augment ? recipe.dataset.augment : [], mean: recipe.dataset.mean });
  return { batcher, batch, division: divideEpoch(dataset.train.count, batch, accumulate, dropLast) };
}

/**
 * Begins to read the images that a training needs first, from step `step` (0-based) on, beside whatever is done until then. What is wrong
 * with one of them is said when the step asks for it.
 */
export function readAhead(options: Options, step: number): void {
  const { batcher, batch, division } = epochBatches(options);
  const steps = stepsPerEpoch(division);
  if (steps === 0) return;
  const first = imagesBefore(division, step % steps);
  const count = Math.min(batch, imagesBefore(division, steps) - first);
  batcher.hold(Math.floor(step / steps), first, count, ownPlaces({ division, ranks: options.ranks }))?.catch(() => undefined);
}
