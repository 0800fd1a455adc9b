import type { Node, ValueId } from '../../ir/types.js';
import { isView, opDefinition } from '../../ops/index.js';
import type { Group, PlanFunction } from '../../plan/plan.js';

/** Values that the group's nodes read. */
export function consumedBy(fn: PlanFunction, group: Group): ReadonlySet<ValueId> {
  return new Set(group.nodes.flatMap((id) => fn.graph.nodes[id]!.inputs.map((input) => rootOf(fn, input))));
}

/** Whether a value is a number whatever the weights are: then it may be multiplied by a zero that stands for nothing. */
export function isNeverInfinite({ op }: Node): boolean {
  return opDefinition(op).alwaysFinite === true;
}

/** The value that a chain of reshapes stands for. */
export function rootOf(fn: PlanFunction, id: ValueId): ValueId {
  let root = id;
  while (isView(fn.graph.nodes[root]!)) root = fn.graph.nodes[root]!.inputs[0]!;
  return root;
}
