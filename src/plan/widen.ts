import { isCast } from '../ir/structure.js';
import type { Graph, Node, TensorType } from '../ir/types.js';
import { isFloat } from '../ir/types.js';
import type { Plan } from './plan.js';
import { planGraph } from './plan-graph.js';

function widenType(type: TensorType): TensorType {
  return isFloat(type.dtype) ? { ...type, dtype: 'f32' } : type;
}

function widenNode(node: Node): Node {
  const type = widenType(node.type);
  return isCast(node) ? { ...node, type, attrs: { ...node.attrs, to: 'f32' } } : { ...node, type };
}

/** The same nodes under the same numbers, all floats in f32: what the values would be if no format had to hold them. Casts copy. */
export function widenGraph(graph: Graph): Graph {
  return { ...graph, nodes: graph.nodes.map(widenNode) };
}

/** A plan of the widened graphs. */
export function widenPlan(plan: Plan): Plan {
  const functions = plan.functions.map((fn) => planGraph(widenGraph(fn.graph), fn.batch, plan.target));
  return { ...plan, precision: 'f32', functions };
}
