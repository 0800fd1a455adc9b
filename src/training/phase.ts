import { isState } from '../ir/structure.js';
import type { Plan } from '../plan/plan.js';
import type { Replanned, TrainOptions } from './options.js';
import type { Running } from './overflow/watch.js';
import { findFunction, type StateValues, statesFor } from './states.js';

/** The plan that takes over with an epoch, and what it starts from. */
interface Phase {
  readonly entered: Replanned;
  readonly states: StateValues;
  /** What is frozen that was not before, and the other way round. */
  readonly frozen: readonly string[];
  readonly trains: readonly string[];
}

function frozenIn(plan: Plan): ReadonlySet<string> {
  const nodes = findFunction(plan, 'train_step')?.graph.nodes ?? [];
  return new Set(nodes.filter((node) => isState(node) && node.attrs.frozen === true).map((node) => String(node.attrs.name)));
}

/**
 * Where other parameters are frozen from epoch `epoch` on: the plan of that, on the device, with the weights, statistics and loss scale of
 * the run. The optimizer goes on where parameters only stop training, and starts anew where others begin to. Everything issued before must
 * have been drained. Undefined: the present plan goes on.
 */
export async function enterPhase({ replanner, recipe }: TrainOptions, running: Running, epoch: number): Promise<Phase | undefined> {
  if (replanner?.changesWith(epoch) !== true) return undefined;
  const wasFrozen = frozenIn(running.plan);
  const before = await running.executable.readStates();
  const entered = await replanner.enter(epoch);
  const isFrozen = frozenIn(entered.plan);
  const trains = [...wasFrozen].filter((name) => !isFrozen.has(name));
  const states = statesFor(entered.plan, before, recipe.train.seed, trains.length === 0);
  await entered.executable.writeStates(states);
  return { entered, states, frozen: [...isFrozen].filter((name) => !wasFrozen.has(name)), trains };
}
