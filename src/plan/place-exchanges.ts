import { findConsumers } from '../ir/consumers.js';
import { rebuild } from '../ir/rewrite.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { isOfKind } from '../ops/index.js';
import { isExchange, wireBytes } from './exchanges.js';

/**
 * So many bytes travel together: enough that the time in which a message is under way counts for little, and so few that the first bucket
 * leaves early in the backward pass.
 */
const BUCKET_BYTES = 1 << 20;

/** Values that travel together, with what makes them of what the backward pass leaves. */
interface Bucket {
  readonly nodes: Node[];
  /** The last node that they wait for. */
  after: ValueId;
  /** The first node that reads one of them. */
  before: ValueId;
  bytes: number;
}

/** An exchange with the elementwise nodes before it that nothing else reads: they move with it. */
function withOwnOperands(graph: Graph, exchange: Node, consumers: readonly (readonly ValueId[])[]): { nodes: Node[]; after: ValueId } {
  const outputs = new Set(Object.values(graph.outputs));
  const nodes: Node[] = [exchange];
  let after = 0;
  const visit = (id: ValueId): void => {
    const node = graph.nodes[id]!;
    if (isOfKind(node.op, 'elementwise', 'scalar') && consumers[id]!.length === 1 && !outputs.has(id) && node.gradOf === undefined) {
      nodes.unshift(node);
      for (const input of node.inputs) visit(input);
    } else after = Math.max(after, id);
  };
  for (const input of exchange.inputs) visit(input);
  return { nodes: nodes.sort((a, b) => a.id - b.id), after };
}

/**
 * Puts what ranks exchange into buckets in the order in which it is complete, and each bucket where its last value is: as early as may be,
 * so that it travels while the rest of the step is computed. What the step itself waits for (`urgent`) is a bucket of its own. Other
 * graphs stay as they are.
 */
export function placeExchanges(graph: Graph): Graph {
  const exchanges = graph.nodes.filter(isExchange);
  if (exchanges.length === 0) return graph;
  const consumers = findConsumers(graph);
  const found = exchanges.map((node) => {
    const { nodes, after } = withOwnOperands(graph, node, consumers);
    const before = Math.min(...consumers[node.id]!, graph.nodes.length);
    return { nodes, after, before, bytes: wireBytes(node), wire: node.attrs.wire, urgent: node.attrs.urgent === true };
  });
  const buckets: Bucket[] = [];
  const openIn = new Map<unknown, Bucket>();
  for (const { urgent, wire, nodes, after, before, bytes } of found.sort((a, b) => a.after - b.after)) {
    const open = openIn.get(wire);
    if (!urgent && open !== undefined && open.bytes + bytes <= BUCKET_BYTES && after < Math.min(open.before, before)) {
      open.nodes.push(...nodes);
      open.after = after;
      open.before = Math.min(open.before, before);
      open.bytes += bytes;
      continue;
    }
    const bucket: Bucket = { nodes: [...nodes], after, before, bytes };
    buckets.push(bucket);
    if (!urgent) openIn.set(wire, bucket);
  }
  return inPlaces(graph, buckets);
}

function inPlaces(graph: Graph, buckets: readonly Bucket[]): Graph {
  const moved = new Set(buckets.flatMap(({ nodes }) => nodes.map(({ id }) => id)));
  const sorted = [...buckets].sort((a, b) => a.after - b.after);
  const order: Node[] = [];
  let next = 0;
  for (const node of graph.nodes) {
    if (!moved.has(node.id)) order.push(node);
    for (; sorted[next]?.after === node.id; next++) {
      const { nodes } = sorted[next]!;
      const bucket = next;
      const isLast = (one: Node) => (isExchange(one) ? { ...one, attrs: { ...one.attrs, bucket } } : one);
      order.push(...nodes.filter((one) => !isExchange(one)), ...nodes.filter(isExchange).map(isLast));
    }
  }
  return rebuild(graph, order);
}
