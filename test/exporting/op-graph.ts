import { telltaleBatch } from '../../src/exporting/evaluation-graph.js';
import type { Graph, Node, ValueId } from '../../src/ir/types.js';
import type { OpCase } from '../ops/cases.js';

/**
 * The case as an evaluation: its result is called logits, there is an image, and where `computes` its operands are computed, so that
 * nothing is known beforehand.
 */
export function evaluationOf({ graph }: OpCase, computes: boolean): Graph {
  const nodes: Node[] = [];
  const moved: ValueId[] = [];
  const add = (node: Omit<Node, 'id'>) => nodes.push({ ...node, id: nodes.length }) - 1;
  for (const node of graph.nodes) {
    let id = add({ ...node, inputs: node.inputs.map((input) => moved[input]!) });
    if (computes && node.op === 'state') id = add({ op: 'shift', inputs: [id], attrs: { offset: 0 }, type: node.type, layer: 'zero' });
    moved[node.id] = id;
  }
  const hasImage = graph.nodes.some(({ attrs }) => attrs.name === 'image');
  const batch = telltaleBatch(graph);
  if (!hasImage) add({ op: 'input', inputs: [], attrs: { name: 'image' }, type: { dtype: 'u8', shape: [batch, 1, 1, 1] }, layer: '' });
  return { name: 'eval_step', nodes, outputs: { logits: moved[graph.outputs.result!]! } };
}
