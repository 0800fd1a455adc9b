import type { Graph, Node, ValueId } from '../ir/types.js';
import { isView, opDefinition } from '../ops/index.js';

/** Nodes that are no work of their own: parameters of the function, and constants written into the kernels that read them. */
export function isDeclaration(node: Node): boolean {
  return opDefinition(node.op).kind === 'source';
}

/** The value whose memory a value shares: a view's is its operand's. */
export function storageRoot(graph: Graph, value: ValueId): ValueId {
  let node = graph.nodes[value]!;
  while (isView(node)) node = graph.nodes[node.inputs[0]!]!;
  return node.id;
}
