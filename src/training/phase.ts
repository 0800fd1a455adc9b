import type { Replanned, TrainOptions } from './options.js';
import type { Running } from './overflow/watch.js';
import { type StateValues, statesFor } from './states.js';

/** The plan that takes over with an epoch, and what it starts from. */
interface Phase {
  readonly entered: Replanned;
  readonly states: StateValues;
}

/**
 * Where other parameters are frozen from epoch `epoch` on: the plan of that, on the device, with the weights, statistics and loss scale of
 * the run; the optimizer starts anew. Everything issued before must have been drained. Undefined: the present plan goes on.
 */
export async function enterPhase({ replanner, recipe }: TrainOptions, running: Running, epoch: number): Promise<Phase | undefined> {
  if (replanner?.changesWith(epoch) !== true) return undefined;
  const before = await running.executable.readStates();
  const entered = await replanner.enter(epoch);
  const states = statesFor(entered.plan, before, recipe.train.seed);
  await entered.executable.writeStates(states);
  return { entered, states };
}
