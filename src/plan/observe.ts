import { isCast } from '../ir/structure.js';
import { type Graph, isFloat, type ValueId } from '../ir/types.js';
import { phaseOf, trainStep } from './facts.js';
import type { Plan } from './plan.js';
import { planGraph } from './plan-graph.js';
import { isDeclaration, storageRoot } from './storage.js';

/**
 * The plan with further tensor outputs of its training step: what an executable's `readOutput` can then read. Fusion never changes a bit,
 * so they hold what the plan computes.
 */
export function observe(plan: Plan, values: ReadonlyMap<string, ValueId>): Plan {
  const functions = plan.functions.map((fn) => {
    if (fn.name !== 'train_step') return fn;
    const graph: Graph = { ...fn.graph, outputs: { ...fn.graph.outputs, ...Object.fromEntries(values) } };
    return planGraph(graph, fn.batch, plan.target);
  });
  return { ...plan, functions };
}

/** A value of a plan by what it is. */
export interface Observed {
  readonly layer: string;
  readonly op: string;
  readonly kind: 'activation' | 'gradient';
  /** `gradient of conv1.weight`; empty for activations. */
  readonly of: string;
  readonly value: ValueId;
}

/**
 * What two plans of one program can be compared by, with a name that both give it: the results of each layer's ops, and the gradients that
 * its backward ops leave. Casts and views show nothing new, and single
 * numbers are reported by every run.
 */
export function observable(plan: Plan, label: (graph: Graph, id: ValueId) => string): ReadonlyMap<string, Observed> {
  const { graph } = trainStep(plan);
  const found = new Map<string, Observed>();
  for (const node of graph.nodes) {
    if (isDeclaration(node) || isCast(node) || storageRoot(graph, node.id) !== node.id) continue;
    if (node.layer === '' || node.type.shape.length === 0 || !isFloat(node.type.dtype) || phaseOf(node) === 'update') continue;
    const of = node.gradOf === undefined ? '' : label(graph, node.id);
    const base = `${node.layer}|${node.op}|${of}`;
    let key = base;
    for (let count = 2; found.has(key); count += 1) key = `${base}#${count}`;
    found.set(key, { layer: node.layer, op: node.op, kind: node.gradOf === undefined ? 'activation' : 'gradient', of, value: node.id });
  }
  return found;
}
