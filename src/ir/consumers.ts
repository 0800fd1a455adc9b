import type { Graph, ValueId } from './types.js';

/** By value: the nodes that read it, once for each operand that is this value. */
export function findConsumers(graph: Graph): readonly (readonly ValueId[])[] {
  const consumers = graph.nodes.map((): ValueId[] => []);
  for (const node of graph.nodes) for (const input of node.inputs) consumers[input]!.push(node.id);
  return consumers;
}
