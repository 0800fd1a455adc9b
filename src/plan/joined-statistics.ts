import { rebuild } from '../ir/rewrite.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { numberAttr } from '../ir/types.js';
import type { Why } from '../ir/why.js';
import { opDefinition } from '../ops/index.js';
import type { SumTarget } from './sums.js';

/** Mean and variance of a value's channels, and the nodes at which they stand. */
interface Statistics {
  readonly mean: Place;
  readonly variance: Place;
}

interface Place {
  readonly id: ValueId;
  readonly at: ValueId;
}

/** A variance about the mean of the same value, and that mean. */
function statisticsOf({ nodes }: Graph, variance: Node): { readonly of: Node; readonly mean: Node } | undefined {
  const { aboutMean } = opDefinition(variance.op);
  if (aboutMean === undefined) return undefined;
  const mean = nodes[variance.inputs[aboutMean]!]!;
  const isOwn = opDefinition(mean.op).plainMean === true && mean.inputs[0] === variance.inputs[0];
  return isOwn ? { of: nodes[mean.inputs[0]!]!, mean } : undefined;
}

/** Whether the channels of a value are those of its operands, one after the other. */
function joinsChannels({ op, attrs, type }: Node): boolean {
  return opDefinition(op).joins === true && numberAttr(attrs, 'axis') === type.shape.length - 1;
}

function because({ why }: Node, reason: string): Why | undefined {
  return why && { rule: why.rule, text: `${why.text}, ${reason}` };
}

/**
 * Where layers take the statistics of values that are joined of others, of which they have some already, as in a dense block, each part's
 * are taken once, by the kernel that makes it, and those of the whole are joined of them.
 */
export function joinStatistics(graph: Graph, target: SumTarget): Graph {
  if (target.channelSums !== true) return graph;
  const known = new Map<ValueId, Statistics>();
  /** By node: what stands in its place. */
  const placed = new Map<ValueId, Node[]>();
  let next = graph.nodes.length;
  for (const variance of graph.nodes) {
    const own = statisticsOf(graph, variance);
    if (own === undefined) continue;
    const { of, mean } = own;
    const here: Statistics = { mean: { id: mean.id, at: mean.id }, variance: { id: variance.id, at: variance.id } };
    const isReady = (part: ValueId): boolean => {
      const one = known.get(part);
      return one !== undefined && one.mean.at <= mean.id && one.variance.at <= variance.id;
    };
    if (joinsChannels(of) && of.inputs.length > 1 && of.inputs.some(isReady)) {
      const [means, variances]: [Node[], Node[]] = [[], []];
      for (const part of of.inputs.filter((id) => !isReady(id))) {
        const type = { ...mean.type, shape: graph.nodes[part]!.type.shape.slice(-1) };
        const ids = { mean: next++, variance: next++ };
        const why = because(mean, 'once for all layers that join it');
        means.push({ ...mean, id: ids.mean, inputs: [part], type, why });
        variances.push({
          ...variance,
          id: ids.variance,
          inputs: [part, ids.mean],
          type,
          why: because(variance, 'once for all layers that join it'),
        });
        known.set(part, { mean: { id: ids.mean, at: mean.id }, variance: { id: ids.variance, at: variance.id } });
      }
      const joined = (whole: Node, role: keyof Statistics): Node => ({
        ...whole,
        op: of.op,
        inputs: of.inputs.map((part) => known.get(part)![role].id),
        attrs: { axis: 0 },
        why: because(whole, 'of its parts'),
      });
      placed.set(mean.id, [...means, joined(mean, 'mean')]);
      placed.set(variance.id, [...variances, joined(variance, 'variance')]);
    }
    known.set(of.id, here);
  }
  if (placed.size === 0) return graph;
  return rebuild(
    graph,
    graph.nodes.flatMap((node) => placed.get(node.id) ?? [node]),
  );
}
