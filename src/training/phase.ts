import { stepOfChange } from '../ir/epoch.js';
import { isState } from '../ir/structure.js';
import type { Plan } from '../plan/plan.js';
import type { Replanned, TrainOptions } from './options.js';
import type { Running } from './overflow/watch.js';
import { findFunction, type StateValues, statesFor } from './states.js';

/** The plan that takes over within a run, and what it starts from. */
interface Phase {
  readonly entered: Replanned;
  readonly states: StateValues;
  /** What is frozen that was not before, and the other way round. */
  readonly frozen: readonly string[];
  readonly trains: readonly string[];
}

/** The step before which a plan takes over that was made for a place of the run, in epochs from its begin. */
interface Change {
  readonly phase: number;
  readonly step: number;
}

function changesOf({ replanner }: TrainOptions, stepsPerEpoch: number): readonly Change[] {
  return (replanner?.phases ?? []).map((phase) => ({ phase, step: stepOfChange(stepsPerEpoch, phase) }));
}

/** The step before which what is frozen changes next. */
export function nextChange(options: TrainOptions, stepsPerEpoch: number, step: number): number {
  return Math.min(...changesOf(options, stepsPerEpoch).flatMap((change) => (change.step > step ? change.step : [])));
}

/** What has begun by a step, where it is not what the present plan was made for. */
export function phaseDue(options: TrainOptions, stepsPerEpoch: number, step: number, present: number): number | undefined {
  const begun = changesOf(options, stepsPerEpoch).findLast((change) => change.step <= step)?.phase;
  return begun === present ? undefined : begun;
}

function frozenIn(plan: Plan): ReadonlySet<string> {
  const nodes = findFunction(plan, 'train_step')?.graph.nodes ?? [];
  return new Set(nodes.filter((node) => isState(node) && node.attrs.frozen === true).map((node) => String(node.attrs.name)));
}

/**
 * The plan of `phase`, a place of the run from which on other parameters are frozen, on the device, with the weights, statistics and loss
 * scale of the run. The optimizer goes on where parameters only stop training, and starts anew where others begin to. Everything issued
 * before must have been drained.
 */
export async function enterPhase({ replanner, recipe }: TrainOptions, running: Running, phase: number): Promise<Phase> {
  const wasFrozen = frozenIn(running.plan);
  const before = await running.executable.readStates();
  const entered = await replanner!.enter(phase);
  const isFrozen = frozenIn(entered.plan);
  const trains = [...wasFrozen].filter((name) => !isFrozen.has(name));
  const states = statesFor(entered.plan, before, recipe.train.seed, trains.length === 0);
  await entered.executable.writeStates(states);
  return { entered, states, frozen: [...isFrozen].filter((name) => !wasFrozen.has(name)), trains };
}
