import type { Graph, Node } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';

/** Of a norm along rows: the node that takes the statistics of what it normalizes, and nothing where they come from elsewhere. */
export function ownStatistics({ nodes }: Graph, norm: Node): Node | undefined {
  const statistics = nodes[norm.inputs[1]!]!;
  const isOwn = opDefinition(statistics.op).invertsVariance === 'positions' && statistics.inputs[0] === norm.inputs[0];
  return isOwn ? statistics : undefined;
}
