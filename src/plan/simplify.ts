import { removeDeadNodes } from '../ir/rewrite.js';
import type { Graph, Node } from '../ir/types.js';
import { numbersAttr } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';

/** Whether the windows of a pool neither overlap nor touch padding, so that each result belongs to pixels of its own. */
export function windowsTile(node: Node): boolean {
  const window = numbersAttr(node.attrs, 'window');
  const stride = numbersAttr(node.attrs, 'stride');
  return window.every((size, axis) => size <= stride[axis]!) && numbersAttr(node.attrs, 'padding').every((size) => size === 0);
}

/** What places each number once among zeros, as the gradient of a tiling max pool: its sums over positions are those of what it places. */
function sumBeforePlacing(graph: Graph, node: Node): Node {
  if (opDefinition(node.op).plainSum !== true) return node;
  const placed = graph.nodes[node.inputs[0]!]!;
  return opDefinition(placed.op).placesAmongZeros === true && windowsTile(placed) ? { ...node, inputs: [placed.inputs[0]!] } : node;
}

/** Rewrites that give the same bits for less work; the same graph where there are none. */
export function simplify(graph: Graph): Graph {
  const nodes = graph.nodes.map((node) => sumBeforePlacing(graph, node));
  return nodes.every((node, id) => node === graph.nodes[id]) ? graph : removeDeadNodes({ ...graph, nodes });
}
