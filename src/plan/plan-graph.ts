import { rebuild } from '../ir/rewrite.js';
import type { Graph } from '../ir/types.js';
import { recomputeAttention } from './attention.js';
import { type FusionTarget, fuse } from './fuse.js';
import { joinStatistics } from './joined-statistics.js';
import { planMemory } from './memory.js';
import type { FunctionName, Group, PlanFunction } from './plan.js';
import { separateRepeats } from './repeats.js';
import { recomputeStaged } from './staged.js';
import { isDeclaration } from './storage.js';
import { withReason } from './sums.js';

/** Renumbers the graph in the order in which its kernels run, so that the printed plan reads from top to bottom. */
function inExecutionOrder(graph: Graph, groups: readonly Group[]): { graph: Graph; groups: Group[] } {
  const order = graph.nodes.filter(isDeclaration);
  for (const group of groups) for (const id of group.nodes) order.push(withReason(graph.nodes[id]!, group));
  const moved = new Int32Array(graph.nodes.length);
  for (const [index, node] of order.entries()) moved[node.id] = index;
  const renumber = (ids: readonly number[]) => ids.map((id) => moved[id]!);
  return {
    graph: rebuild(graph, order),
    groups: groups.map((group) => ({ ...group, nodes: renumber(group.nodes), stores: renumber(group.stores) })),
  };
}

/** Fuses a graph for its target and lays out its memory. The graph's name becomes the function's. */
export function planGraph(source: Graph, batch: number, target: FusionTarget): PlanFunction {
  const prepared = recomputeAttention(recomputeStaged(separateRepeats(joinStatistics(source, target)), target), target);
  const { graph, groups } = inExecutionOrder(prepared, fuse(prepared, target));
  return { name: graph.name as FunctionName, batch, graph, groups, memory: planMemory(graph, groups) };
}
