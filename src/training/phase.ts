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
 * the run; the optimizer starts anew. Everything issued before must have been drained. Undefined: the present plan goes on.
 */
export async function enterPhase({ replanner, recipe }: TrainOptions, running: Running, epoch: number): Promise<Phase | undefined> {
  if (replanner?.changesWith(epoch) !== true) return undefined;
  const wasFrozen = frozenIn(running.plan);
  const before = await running.executable.readStates();
  const entered = await replanner.enter(epoch);
  const states = statesFor(entered.plan, before, recipe.train.seed);
  await entered.executable.writeStates(states);
  const isFrozen = frozenIn(entered.plan);
  return {
    entered,
    states,
    frozen: [...isFrozen].filter((name) => !wasFrozen.has(name)),
    trains: [...wasFrozen].filter((name) => !isFrozen.has(name)),
  };
}
