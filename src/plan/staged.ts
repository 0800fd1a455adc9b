import { findConsumers } from '../ir/consumers.js';
import { rebuild } from '../ir/rewrite.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';
import { windowsTile } from './simplify.js';
import type { PlanTarget } from './target.js';

/** What of a target says which operands its contractions make themselves. */
export type Staging = Pick<PlanTarget, 'staged'>;

/** Whether a pool's gradient fills 2x2 windows side by side, to the last row and column. */
function halves(node: Node): boolean {
  const isTwo = (attr: 'window' | 'stride') => (node.attrs[attr] as readonly number[]).every((size) => size === 2);
  return isTwo('window') && isTwo('stride') && windowsTile(node) && (node.attrs.size as readonly number[]).every((size) => size % 2 === 0);
}

function isStageable(graph: Graph, node: Node, target: Staging): boolean {
  const { stagedAs } = opDefinition(node.op);
  return (
    stagedAs !== undefined &&
    target.staged.includes(stagedAs) &&
    halves(node) &&
    node.type.dtype === graph.nodes[node.inputs[0]!]!.type.dtype
  );
}

/** The node whose result the contraction's kernel can make as it brings its operand in, if there is one. */
export function stagedOperand(graph: Graph, contraction: Node, target: Staging): Node | undefined {
  const operand = opDefinition(contraction.op).stagedOperand;
  if (operand === undefined) return undefined;
  const node = graph.nodes[contraction.inputs[operand]!]!;
  return isStageable(graph, node, target) ? node : undefined;
}

/**
 * Gives each contraction that can make its operand itself a node of its own to make it with, when only such contractions read it: computing
 * it twice costs less than memory.
 */
export function recomputeStaged(graph: Graph, target: Staging): Graph {
  const consumers = findConsumers(graph);
  const outputs = new Set(Object.values(graph.outputs));
  const own = new Map<ValueId, Node>();
  for (const node of graph.nodes) {
    const readers = consumers[node.id]!.map((id) => graph.nodes[id]!);
    if (readers.length < 2 || outputs.has(node.id) || !isStageable(graph, node, target)) continue;
    if (!readers.every((reader) => stagedOperand(graph, reader, target) === node)) continue;
    for (const reader of readers.slice(1)) own.set(reader.id, { ...node, id: graph.nodes.length + own.size });
  }
  if (own.size === 0) return graph;
  const order = graph.nodes.flatMap((node) => {
    const copy = own.get(node.id);
    if (copy === undefined) return [node];
    const operand = opDefinition(node.op).stagedOperand;
    return [copy, { ...node, inputs: node.inputs.map((id, i) => (i === operand ? copy.id : id)) }];
  });
  return rebuild(graph, order);
}
