import { findConsumers } from '../ir/consumers.js';
import { rebuild } from '../ir/rewrite.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { sameShape } from '../ir/types.js';
import { isRepeat, opDefinition } from '../ops/index.js';
import type { PlanTarget } from './target.js';

/** What of a target says whether its kernels read parts of a value where they are. */
export type PartTarget = Pick<PlanTarget, 'parts'>;

/** Elements of the last axis from which on a part is read in place: with fewer, a loop over its rows would leave most lanes empty. */
const LONG_ROW = 32;

/** Whether a reader of a copy that only repeats can find each element in what is repeated. */
function findsElements({ op, type }: Node): boolean {
  const { kind, conditionsGradients } = opDefinition(op);
  return kind === 'elementwise' && conditionsGradients !== true && type.shape.length > 0;
}

/**
 * Whether a node is a copy that only repeats its operand, or takes a part of it, for one reader that finds each element there: it is
 * computed in that one's group, and never in memory.
 */
export function isLeftToReader(graph: Graph, node: Node, consumers: readonly (readonly ValueId[])[], { parts }: PartTarget): boolean {
  const isPart = opDefinition(node.op).takesPart === true;
  if (!isRepeat(node) && !(isPart && parts === true && node.type.shape.at(-1)! >= LONG_ROW)) return false;
  const [id, ...others] = new Set(consumers[node.id]!);
  if (id === undefined || others.length > 0 || Object.values(graph.outputs).includes(node.id)) return false;
  const reader = graph.nodes[id]!;
  return findsElements(reader) && (!isPart || sameShape(reader.type.shape, node.type.shape));
}

/** Gives each op that can find its elements in what a copy repeats a copy of its own, unless nothing else reads it. */
export function separateRepeats(graph: Graph): Graph {
  if (!graph.nodes.some(isRepeat)) return graph;
  const consumers = findConsumers(graph);
  const outputs = new Set(Object.values(graph.outputs));
  let next = graph.nodes.length;
  const own = new Map<ValueId, Map<ValueId, Node>>();
  for (const node of graph.nodes.filter(isRepeat)) {
    const readers = [...new Set(consumers[node.id]!)].map((id) => graph.nodes[id]!);
    const finding = readers.filter(findsElements);
    const kept = outputs.has(node.id) || finding.length < readers.length ? 0 : 1;
    for (const reader of finding.slice(kept)) {
      const copies = own.get(reader.id) ?? new Map<ValueId, Node>();
      own.set(reader.id, copies.set(node.id, { ...node, id: next++ }));
    }
  }
  if (own.size === 0) return graph;
  const order = graph.nodes.flatMap((node) => {
    const copies = own.get(node.id);
    if (copies === undefined) return [node];
    return [...copies.values(), { ...node, inputs: node.inputs.map((id) => copies.get(id)?.id ?? id) }];
  });
  return rebuild(graph, order);
}
