import { isCast } from '../ir/structure.js';
import { type CostTable, functionTimes, stepCost } from './cost-table.js';
import { ownerOf } from './costs.js';
import { castFacts, trainStep } from './facts.js';
import type { Plan } from './plan.js';

/** What a plan's training step takes by a table of costs, in milliseconds. */
export interface PlanTimes {
  /** One optimizer step, with all its micro-batches. */
  readonly stepMs: number;
  /** Of the train_step, what belongs to no layer: optimizer, finite check, the call itself. */
  readonly restMs: number;
  /** Kernels that were not measured: their times follow from the table's rates. */
  readonly estimatedKernels: number;
  /** Of the train_step by layer: the kernels that begin with one of its ops, whatever is fused behind. */
  readonly layers: ReadonlyMap<string, number>;
  /**
   * Of the train_step by cast, in the order of `castFacts`: a part of the layers' times. A cast in the middle of a kernel takes what it
   * moves.
   */
  readonly casts: readonly number[];
}

export function planTimes(plan: Plan, accumulate: number, table: CostTable): PlanTimes {
  const fn = trainStep(plan);
  const { graph, groups } = fn;
  const { seconds, estimated } = stepCost(plan, accumulate, table);
  const times = functionTimes(fn, table);
  const layers = new Map<string, number>();
  let rest = times.outside;
  for (const group of groups) {
    const layer = ownerOf(graph, group);
    const ms = times.groups.get(group.name)! * 1000;
    if (layer === '') rest += ms / 1000;
    else layers.set(layer, (layers.get(layer) ?? 0) + ms);
  }
  const facts = castFacts(fn);
  const ofCasts = new Set(groups.filter(({ nodes }) => nodes.every((id) => isCast(graph.nodes[id]!))).map(({ name }) => name));
  const bytes = new Map<string, number>();
  for (const { kernel, bytesMoved } of facts) bytes.set(kernel, (bytes.get(kernel) ?? 0) + bytesMoved);
  const casts = facts.map(({ kernel, bytesMoved }) => {
    const alone = ofCasts.has(kernel) ? (times.groups.get(kernel)! * bytesMoved) / bytes.get(kernel)! : bytesMoved / table.rates.cast;
    return alone * 1000;
  });
  return { stepMs: seconds * 1000, restMs: rest * 1000, estimatedKernels: estimated, layers, casts };
}
