import type { Node, ValueId } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';
import type { Group } from '../plan/plan.js';

/** A group's nodes in execution order, with what overwrites a state for the next call behind everything else. */
export function runningOrder({ nodes }: Group, node: (id: ValueId) => Node): readonly ValueId[] {
  const late = (id: ValueId) => opDefinition(node(id).op).runsLast === true;
  return [...nodes.filter((id) => !late(id)), ...nodes.filter(late)];
}
