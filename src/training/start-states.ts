import type { InitEvent } from './events.js';
import { loadInitial } from './init/load.js';
import type { TrainOptions } from './options.js';
import { initialStates, type StateValues, withAverages } from './states.js';
import { whitenedStates } from './whitening.js';

/** What a new run starts from. */
export interface Start {
  readonly states: StateValues;
  /** What the states were taken from. */
  readonly init?: InitEvent;
}

/** First states as the file says, with weights from a file where there are any. Throws UserError as `loadInitial`. */
export async function startStates({
  plan,
  recipe,
  dataset,
  init,
}: Pick<TrainOptions, 'plan' | 'recipe' | 'dataset' | 'init'>): Promise<Start> {
  const loaded = init && (await loadInitial(init.path, plan, init));
  const white = await whitenedStates(plan, dataset.train, recipe.dataset, new Set(loaded?.values.keys()));
  const states = new Map([...initialStates(plan, recipe.train.seed), ...white, ...(loaded?.values ?? [])]);
  withAverages(plan, states);
  return loaded === undefined ? { states } : { states, init: loaded.report };
}
