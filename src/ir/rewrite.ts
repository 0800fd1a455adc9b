import { isInput, isState } from './structure.js';
import type { Graph, Node, ValueId } from './types.js';
import { writesOf } from './validate.js';

/** The graph with only the given nodes, in the given order, renumbered. Every operand must come before its reader. */
export function rebuild(graph: Graph, order: readonly Node[]): Graph {
  const ids: ValueId[] = [];
  for (const [index, node] of order.entries()) ids[node.id] = index;
  const nodes = order.map((node, id) => renumbered(node, id, ids));
  const outputs = Object.fromEntries(Object.entries(graph.outputs).map(([name, value]) => [name, ids[value]!]));
  return { name: graph.name, nodes, outputs };
}

/** The node with new numbers; itself where they are the old ones. */
function renumbered(node: Node, id: ValueId, ids: readonly (ValueId | undefined)[]): Node {
  const forward = node.gradOf === undefined ? undefined : ids[node.gradOf];
  const updated = node.updateOf === undefined ? undefined : ids[node.updateOf];
  if (node.id === id && node.gradOf === forward && node.updateOf === updated && node.inputs.every((input) => ids[input] === input))
    return node;
  const inputs = node.inputs.map((input) => ids[input]!);
  return { ...node, id, inputs, gradOf: forward, updateOf: updated };
}

/** By number: whether an output or an effect needs the node. Inputs are needed: they are the function's signature. */
function findLive(graph: Graph): readonly boolean[] {
  const live = graph.nodes.map((node) => writesOf(node).length > 0 || isInput(node));
  for (const id of Object.values(graph.outputs)) live[id] = true;
  const copied = new Set<unknown>();
  for (let index = graph.nodes.length - 1; index >= 0; index -= 1) {
    const node = graph.nodes[index]!;
    // What a copy is made of stands above it.
    if (isState(node) && copied.has(node.attrs.name)) live[index] = true;
    if (!live[index]) continue;
    for (const input of node.inputs) live[input] = true;
    if (isState(node) && node.attrs.of !== undefined) copied.add(node.attrs.of);
  }
  return live;
}

/** Drops every node that neither an output nor an effect needs. Inputs stay. */
export function removeDeadNodes(graph: Graph): Graph {
  const live = findLive(graph);
  return live.every(Boolean)
    ? graph
    : rebuild(
        graph,
        graph.nodes.filter((node) => live[node.id]),
      );
}

/**
 * Drops dead nodes and puts the others into the order of the text form: inputs, states, the rest, and last the nodes that write states, so
 * that every reader sees the values the step began with; each in its old order.
 */
export function orderStep(graph: Graph): Graph {
  const live = findLive(graph);
  const ranks: Node[][] = [[], [], [], []];
  for (const node of graph.nodes) {
    if (live[node.id]) ranks[writesOf(node).length > 0 ? 3 : isInput(node) ? 0 : isState(node) ? 1 : 2]!.push(node);
  }
  return rebuild(graph, ranks.flat());
}
