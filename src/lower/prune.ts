import { isInput } from '../ir/structure.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';

/**
 * Leaves out what the outputs do not need: the layers of an unused `let`. A statistic's update stays where its layer stays.
 * The image stays in any case, and node numbers are dense again.
 */
export function pruneGraph(graph: Graph): Graph {
  const { nodes } = graph;
  const live = new Uint8Array(nodes.length);
  const mark = (roots: readonly ValueId[]) => {
    const stack = [...roots];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (live[id] === 1) continue;
      live[id] = 1;
      stack.push(...nodes[id].inputs);
    }
  };
  mark(Object.values(graph.outputs));
  const layers = new Set(nodes.filter((node) => live[node.id] === 1).map((node) => node.layer));
  mark(nodes.filter((node) => opDefinition(node.op).effect === true && layers.has(node.layer)).map((node) => node.id));
  mark(nodes.filter((node) => isInput(node) && node.attrs.name === 'image').map((node) => node.id));
  if (!live.includes(0)) return graph;
  const renamed = new Int32Array(nodes.length);
  const kept: Node[] = [];
  for (const node of nodes) {
    if (live[node.id] === 0) continue;
    renamed[node.id] = kept.length;
    kept.push({ ...node, id: kept.length, inputs: node.inputs.map((input) => renamed[input]) });
  }
  const outputs = Object.fromEntries(Object.entries(graph.outputs).map(([name, id]) => [name, renamed[id]]));
  return { name: graph.name, nodes: kept, outputs };
}
