import type { Graph, Node, ValueId } from './types.js';
import { writesOf } from './verify.js';

/** The graph with only the given nodes, in the given order, renumbered. Every operand must come before its reader. */
export function rebuild(graph: Graph, order: readonly Node[]): Graph {
  const ids = new Map<ValueId, ValueId>(order.map((node, index) => [node.id, index]));
  const nodes = order.map((node, index): Node => {
    const { gradOf, ...rest } = node;
    const forward = gradOf === undefined ? undefined : ids.get(gradOf);
    return { ...rest, id: index, inputs: node.inputs.map((id) => ids.get(id)!), ...(forward !== undefined && { gradOf: forward }) };
  });
  const outputs = Object.fromEntries(Object.entries(graph.outputs).map(([name, id]) => [name, ids.get(id)!]));
  return { name: graph.name, nodes, outputs };
}

/** Drops every node that neither an output nor an effect needs. Inputs stay: they are the function's signature. */
export function removeDeadNodes(graph: Graph): Graph {
  const live = new Set<ValueId>(Object.values(graph.outputs));
  for (let index = graph.nodes.length - 1; index >= 0; index -= 1) {
    const node = graph.nodes[index]!;
    if (writesOf(node).length > 0 || node.op === 'input') live.add(node.id);
    if (live.has(node.id)) for (const input of node.inputs) live.add(input);
  }
  return rebuild(
    graph,
    graph.nodes.filter((node) => live.has(node.id)),
  );
}

/** Inputs first, then states, then the rest, each in its old order: the order of the text form. */
export function orderDeclarations(graph: Graph): Graph {
  const rank = (node: Node) => (node.op === 'input' ? 0 : node.op === 'state' ? 1 : 2);
  return rebuild(
    graph,
    [...graph.nodes].sort((a, b) => rank(a) - rank(b) || a.id - b.id),
  );
}

/** Moves the nodes that write states behind all others, in their old order, so that every reader sees the values the step began with. */
export function orderEffectsLast(graph: Graph): Graph {
  const rank = (node: Node) => (writesOf(node).length > 0 ? 1 : 0);
  return rebuild(
    graph,
    [...graph.nodes].sort((a, b) => rank(a) - rank(b) || a.id - b.id),
  );
}
