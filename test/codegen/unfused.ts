import { opDefinition } from '../../src/ops/index.js';
import { planMemory } from '../../src/plan/memory.js';
import type { Group, GroupKind, Plan, PlanFunction } from '../../src/plan/plan.js';
import { storageRoot } from '../../src/plan/storage.js';

/** Every node as a kernel of its own. Updates stay together: what one of them writes, the others must not see. */
function unfusedFunction(fn: PlanFunction): PlanFunction {
  const { graph } = fn;
  const single = fn.groups.flatMap((group) =>
    group.kind === 'update'
      ? [{ ...group, name: 'update' }]
      : group.nodes.map((id) => {
          const about = opDefinition(graph.nodes[id]!.op).kind === 'contraction';
          const isJoined = group.kind === 'contraction' || group.kind === 'attention';
          const kind: GroupKind = about ? 'contraction' : isJoined ? 'map' : group.kind;
          return { ...group, kind, name: `${group.name}_${id}`, nodes: [id], stores: storageRoot(graph, id) === id ? [id] : [] };
        }),
  );
  const groups = single.map((group, index): Group => ({ ...group, index }));
  return { ...fn, groups, memory: planMemory(graph, groups) };
}

/** The plan without fusion. */
export function unfused(plan: Plan): Plan {
  return { ...plan, functions: plan.functions.map(unfusedFunction) };
}
