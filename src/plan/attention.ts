import { rebuild } from '../ir/rewrite.js';
import { byteLength, type Graph, type Node, type ValueId } from '../ir/types.js';
import type { Why } from '../ir/why.js';
import {
  type Attention,
  type AttentionGradient,
  attentionNodes,
  finderOf,
  resultsOf,
  type Weights,
  weightNodes,
} from './attention-pattern.js';
import type { PlanTarget } from './target.js';

/** What of a target says whether its kernels compute attention. */
export type AttentionTarget = Pick<PlanTarget, 'attention'>;

function bytesOfScores({ softmax }: Weights): number {
  return byteLength({ ...softmax.type, dtype: 'f32' });
}

/** Whether the target has a kernel for heads of that size, and it is worth it. */
function pays(graph: Graph, attention: Attention, { attention: kernels }: AttentionTarget): boolean {
  if (kernels === undefined) return false;
  const values = attention.kind === 'forward' ? attention.sums.inputs[1]! : attention.weightsGrad.inputs[1]!;
  const lengths = [attention.scores.inputs[0]!, values].map((id) => graph.nodes[id]!.type.shape.at(-1)!);
  return bytesOfScores(attention) >= kernels.scoreBytes && lengths.every((length) => length <= kernels.features);
}

function idsOf(nodes: readonly Node[]): readonly ValueId[] {
  return nodes.map(({ id }) => id);
}

/** Every attention that is a kernel: only it reads its inner values, its nodes stand together, and it pays. */
function findAttention(graph: Graph, target: AttentionTarget): readonly Attention[] {
  if (target.attention === undefined) return [];
  const finder = finderOf(graph);
  const standTogether = (nodes: readonly Node[]) => nodes.every(({ id }, i) => id === nodes[0]!.id + i);
  return graph.nodes
    .flatMap((node) => finder.forward(node) ?? finder.gradient(node) ?? [])
    .filter(
      (one) => pays(graph, one, target) && standTogether(attentionNodes(one)) && finder.isClosed(attentionNodes(one), resultsOf(one)),
    );
}

/** Why a copy of a node is there. */
function again({ why }: Node, bytes: number): Why {
  const text = `computed again: ${(bytes / 2 ** 20).toFixed(1)} MiB of scores are never in memory`;
  return why === undefined ? { rule: 'fixed', text } : { rule: why.rule, text: `${why.text}, ${text}` };
}

/** The nodes of a gradient, on weights of its own. */
function withOwnWeights(gradient: AttentionGradient, firstId: ValueId): readonly Node[] {
  const chain = weightNodes(gradient);
  const own = new Map(chain.map(({ id }, i) => [id, firstId + i]));
  const renamed = (one: Node): Node => ({ ...one, inputs: one.inputs.map((id) => own.get(id) ?? id) });
  const bytes = bytesOfScores(gradient);
  return attentionNodes(gradient).map((one) => {
    const id = own.get(one.id);
    return id === undefined ? renamed(one) : { ...renamed(one), id, why: again(one, bytes) };
  });
}

/**
 * Where the backward pass reads the weights of an attention, and it pays, gives it weights of its own, made from q and k again; and brings
 * the nodes of each attention together: forward where the weighted sums stand, backward where the first of its gradients does.
 */
export function recomputeAttention(graph: Graph, target: AttentionTarget): Graph {
  if (target.attention === undefined) return graph;
  const finder = finderOf(graph);
  const placed = new Map<ValueId, readonly Node[]>();
  const moved = new Set<ValueId>();
  /** Readers of weights that will have weights of their own. */
  const leaving = new Set<ValueId>();
  let next = graph.nodes.length;
  const place = (at: ValueId, members: readonly Node[]) => {
    placed.set(at, members);
    for (const id of idsOf(members)) moved.add(id);
  };
  for (const gradient of graph.nodes.flatMap((node) => finder.gradient(node) ?? [])) {
    const chain = weightNodes(gradient);
    const rest = attentionNodes(gradient).slice(chain.length);
    const at = Math.min(...idsOf(rest));
    const inside = new Set(idsOf([...chain, ...rest]));
    const isReady = [gradient.scores, ...rest].every(({ inputs }) => inputs.every((id) => inside.has(id) || id < at));
    if (!pays(graph, gradient, target) || !isReady || !finder.isClosed(rest, resultsOf(gradient))) continue;
    const isAlone = finder.isClosed(attentionNodes(gradient), resultsOf(gradient));
    place(at, isAlone ? attentionNodes(gradient) : withOwnWeights(gradient, next));
    if (isAlone) continue;
    next += chain.length;
    for (const id of inside) leaving.add(id);
  }
  for (const forward of graph.nodes.flatMap((node) => finder.forward(node) ?? [])) {
    const chain = weightNodes(forward);
    const inside = new Set(idsOf(attentionNodes(forward)));
    const readers = chain.flatMap(({ id }) => idsOf(finder.readers(id)));
    const isOwn = readers.every((id) => inside.has(id) || leaving.has(id)) && !chain.some(({ id }) => finder.isOutput(id));
    if (pays(graph, forward, target) && isOwn) place(forward.sums.id, attentionNodes(forward));
  }
  if (placed.size === 0) return graph;
  return rebuild(
    graph,
    graph.nodes.flatMap((node) => placed.get(node.id) ?? (moved.has(node.id) ? [] : [node])),
  );
}

/** By node: the attention that it belongs to. */
export function membersOfAttention(graph: Graph, target: AttentionTarget): ReadonlyMap<ValueId, Attention> {
  return new Map(findAttention(graph, target).flatMap((one) => attentionNodes(one).map(({ id }) => [id, one] as const)));
}
