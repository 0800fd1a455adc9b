import { GraphBuilder } from '../ir/builder.js';
import { rebuild } from '../ir/rewrite.js';
import { type Graph, type Node, numberAttr, stringsAttr, type ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { opDefinition } from '../ops/index.js';

/** The updates of running statistics, by the state that they move. */
function updatesByState({ nodes }: Graph): ReadonlyMap<string, readonly Node[]> {
  const found = new Map<string, Node[]>();
  for (const node of nodes) {
    if (opDefinition(node.op).movesStatistic !== true) continue;
    const [state] = stringsAttr(node.attrs, 'writes') as [string];
    found.set(state, [...(found.get(state) ?? []), node]);
  }
  return found;
}

/**
 * A graph in which each running statistic is moved once. Uses of a shared layer move it one after the other, each by the share `m` of its
 * own statistic, as calls of a module of PyTorch do; all of them together move it by 1 - (1 - m)^n towards their weighted mean.
 */
export function joinUpdates(graph: Graph): Graph {
  const several = [...updatesByState(graph).values()].filter((updates) => updates.length > 1);
  if (several.length === 0) return graph;
  // The updates come last, so that all else keeps its place.
  const moved = new Set(several.flat());
  const order = [...graph.nodes.filter((node) => !moved.has(node)), ...moved];
  const parted = rebuild(graph, order);
  const builder = new GraphBuilder(parted.nodes.slice(0, order.length - moved.size));
  let next = builder.nodes.length;
  for (const { length } of several) {
    addJoined(builder, parted.nodes.slice(next, next + length));
    next += length;
  }
  return builder.finish(graph.name, parted.outputs);
}

/** One update in place of some of the same state. */
function addJoined(builder: GraphBuilder, updates: readonly Node[]): void {
  const last = updates.at(-1)!;
  const momentum = numberAttr(last.attrs, 'momentum');
  const share = 1 - (1 - momentum) ** updates.length;
  // No layer: a pin of the layer must not lower the mean.
  const parts = updates.map(({ inputs, attrs }, i): ValueId => {
    const weight = share === 0 ? 1 / updates.length : ((1 - momentum) ** (updates.length - 1 - i) * momentum) / share;
    return emit(builder, 'scale', [inputs[1]], { factor: weight * numberAttr(attrs, 'correction') }, { why: 'the share of this use' });
  });
  const mean = parts.reduce((sum, part) => emit(builder, 'add', [sum, part], {}, { why: 'what all uses move the statistic towards' }));
  builder.add({ ...last, inputs: [last.inputs[0], mean], attrs: { ...last.attrs, momentum: share, correction: 1 } });
}
