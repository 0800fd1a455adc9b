import { isCast, isState } from '../ir/structure.js';
import type { Graph, Node, StateRole, ValueId } from '../ir/types.js';
import { byteLength } from '../ir/types.js';
import { isView } from '../ops/index.js';
import { phaseOf, readersOf } from './facts.js';
import { lastReads } from './memory.js';
import type { Plan, PlanFunction } from './plan.js';
import { storageRoot } from './storage.js';

/**
 * - `parameters`, `statistics`, `averages`, `optimizer`: states that live between steps (the loss scale counts as optimizer).
 * - `activations`: values of the forward pass that the backward pass reads.
 * - `gradients`: gradients of values and parameters, and their sums over micro-batches.
 * - `workspace`: everything else that reaches memory, such as the weights in the compute format; `ampc plan` adds what the backend needs
 *   besides.
 */
export const MEMORY_CLASSES = ['parameters', 'statistics', 'averages', 'optimizer', 'activations', 'gradients', 'workspace'] as const;
export type MemoryClass = (typeof MEMORY_CLASSES)[number];

/**
 * Bytes by class. Of the last three, which share one arena, it is the most that is alive at once; they peak at different moments, so their
 * sum is more than the arena. `total` is what training holds: states and the largest arena.
 */
export interface Footprint extends Readonly<Record<MemoryClass, number>> {
  readonly total: number;
}

const STATE_CLASS: Readonly<Record<StateRole, MemoryClass>> = {
  parameter: 'parameters',
  statistic: 'statistics',
  average: 'averages',
  optimizer: 'optimizer',
  scaler: 'optimizer',
  gradient: 'gradients',
  pending: 'statistics',
  copy: 'workspace',
};

/** By stored value: its class. */
export function storedClasses({ graph, memory }: PlanFunction): ReadonlyMap<ValueId, MemoryClass> {
  const readers = readersByRoot(graph);
  return new Map(memory.allocations.map(({ value }) => [value, classOf(graph.nodes[value]!, graph, readers.get(value) ?? [])]));
}

function classOf(node: Node, graph: Graph, readers: readonly Node[]): MemoryClass {
  if (node.gradOf !== undefined) return 'gradients';
  const isWeightCopy = isCast(node) && isState(graph.nodes[node.inputs[0]!]!);
  return !isWeightCopy && readers.some((reader) => phaseOf(reader) === 'backward') ? 'activations' : 'workspace';
}

/** Readers of a value and of every view of it. */
function readersByRoot(graph: Graph): ReadonlyMap<ValueId, readonly Node[]> {
  const byRoot = new Map<ValueId, Node[]>();
  for (const [value, readers] of readersOf(graph)) {
    const root = storageRoot(graph, value);
    const all = byRoot.get(root) ?? [];
    byRoot.set(root, all);
    for (const reader of readers) if (!isView(reader)) all.push(reader);
  }
  return byRoot;
}

/** The most bytes of each class that are alive at once in a function. */
function peaks(fn: PlanFunction): Map<MemoryClass, number> {
  const classes = storedClasses(fn);
  const last = lastReads(fn.graph, fn.groups);
  const peak = new Map<MemoryClass, number>();
  const live = new Map<MemoryClass, number>();
  const dying = new Map<number, { readonly of: MemoryClass; readonly size: number }[]>();
  for (const group of fn.groups) {
    for (const value of group.stores) {
      const of = classes.get(value)!;
      const size = byteLength(fn.graph.nodes[value]!.type);
      live.set(of, (live.get(of) ?? 0) + size);
      const end = last[value]!;
      const others = dying.get(end);
      if (others === undefined) dying.set(end, [{ of, size }]);
      else others.push({ of, size });
    }
    for (const [of, size] of live) peak.set(of, Math.max(peak.get(of) ?? 0, size));
    for (const { of, size } of dying.get(group.index) ?? []) live.set(of, live.get(of)! - size);
  }
  return peak;
}

/** Bytes of a plan's training by class; the states of all functions count once. */
export function footprint(plan: Plan): Footprint {
  const bytes: Record<MemoryClass, number> = {
    parameters: 0,
    statistics: 0,
    averages: 0,
    optimizer: 0,
    activations: 0,
    gradients: 0,
    workspace: 0,
  };
  const seen = new Set<string>();
  for (const { graph } of plan.functions) {
    for (const node of graph.nodes) {
      const name = String(node.attrs.name);
      if (!isState(node) || seen.has(name)) continue;
      seen.add(name);
      bytes[STATE_CLASS[node.attrs.role as StateRole]] += byteLength(node.type);
    }
  }
  const states = Object.values(bytes).reduce((sum, size) => sum + size, 0);
  const training = plan.functions.filter((fn) => fn.name !== 'eval_step');
  for (const name of MEMORY_CLASSES) bytes[name] += Math.max(0, ...training.map((fn) => peaks(fn).get(name) ?? 0));
  return { ...bytes, total: states + Math.max(0, ...training.map((fn) => fn.memory.arena)) };
}
