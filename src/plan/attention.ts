import { findConsumers } from '../ir/consumers.js';
import { rebuild } from '../ir/rewrite.js';
import { isCast } from '../ir/structure.js';
import { byteLength, type Graph, type Node, type ValueId } from '../ir/types.js';
import type { Why } from '../ir/why.js';
import { opDefinition } from '../ops/index.js';
import type { PlanTarget } from './target.js';

/** What of a target says whether its kernels compute attention. */
export type AttentionTarget = Pick<PlanTarget, 'attention'>;

/** softmax(q k^T), for as many matrices as the axes before the last two make: `before` rounds the scores, `after` the weights. */
export interface Weights {
  readonly scores: Node;
  readonly before: readonly Node[];
  readonly softmax: Node;
  readonly after: readonly Node[];
}

/** The weighted sums of v. */
export interface AttentionForward extends Weights {
  readonly kind: 'forward';
  readonly sums: Node;
}

/** The gradients of q, k and v from that of the sums, with the weights made again: `widened` and `rounded` are casts. */
export interface AttentionGradient extends Weights {
  readonly kind: 'gradient';
  readonly weightsGrad: Node;
  readonly widened: readonly Node[];
  readonly softmaxGrad: Node;
  readonly rounded: readonly Node[];
  readonly gradients: Readonly<Record<'q' | 'k' | 'v', Node>>;
}

export type Attention = AttentionForward | AttentionGradient;

function weightNodes({ scores, before, softmax, after }: Weights): readonly Node[] {
  return [scores, ...before, softmax, ...after];
}

function resultsOf(attention: Attention): readonly Node[] {
  return attention.kind === 'forward' ? [attention.sums] : Object.values(attention.gradients);
}

/** The nodes of one, in execution order. */
function attentionNodes(attention: Attention): readonly Node[] {
  const weights = weightNodes(attention);
  if (attention.kind === 'forward') return [...weights, attention.sums];
  const { weightsGrad, widened, softmaxGrad, rounded, gradients } = attention;
  return [...weights, weightsGrad, ...widened, gradients.v, softmaxGrad, ...rounded, gradients.q, gradients.k];
}

function isProduct(node: Node, transposed: 'a' | 'b' | undefined): boolean {
  return opDefinition(node.op).matrixProduct === true && node.attrs.transposed === transposed;
}

class Finder {
  readonly #consumers: readonly (readonly ValueId[])[];
  readonly #outputs: ReadonlySet<ValueId>;

  constructor(private readonly graph: Graph) {
    this.#consumers = findConsumers(graph);
    this.#outputs = new Set(Object.values(graph.outputs));
  }

  readers(id: ValueId): readonly Node[] {
    return this.#consumers[id]!.map((reader) => this.graph.nodes[reader]!);
  }

  /** A value and the casts that it went through, the last one first. */
  #castsUpTo(id: ValueId): { readonly source: Node; readonly casts: readonly Node[] } {
    const casts: Node[] = [];
    let node = this.graph.nodes[id]!;
    while (isCast(node)) {
      casts.unshift(node);
      node = this.graph.nodes[node.inputs[0]!]!;
    }
    return { source: node, casts };
  }

  /** The weights that end in this value. */
  weights(id: ValueId): Weights | undefined {
    const { source: softmax, casts: after } = this.#castsUpTo(id);
    if (opDefinition(softmax.op).probabilities !== 'distribution') return undefined;
    const { source: scores, casts: before } = this.#castsUpTo(softmax.inputs[0]!);
    return isProduct(scores, 'b') ? { scores, before, softmax, after } : undefined;
  }

  isOutput(id: ValueId): boolean {
    return this.#outputs.has(id);
  }

  /** Whether nothing but these nodes reads what they hand on among themselves. */
  isClosed(nodes: readonly Node[], results: readonly Node[]): boolean {
    const inside = new Set(nodes.map(({ id }) => id));
    const handed = nodes.filter((node) => !results.includes(node));
    return handed.every(({ id }) => !this.#outputs.has(id) && this.#consumers[id]!.every((reader) => inside.has(reader)));
  }

  forward(sums: Node): AttentionForward | undefined {
    if (!isProduct(sums, undefined)) return undefined;
    const weights = this.weights(sums.inputs[0]!);
    return weights === undefined ? undefined : { kind: 'forward', ...weights, sums };
  }

  gradient(softmaxGrad: Node): AttentionGradient | undefined {
    const of = opDefinition(softmaxGrad.op).gradientOf?.op;
    if (of === undefined || opDefinition(of).probabilities !== 'distribution') return undefined;
    const softmax = this.graph.nodes[softmaxGrad.inputs[1]!]!;
    if (softmax.op !== of) return undefined;
    const { source: weightsGrad, casts: widened } = this.#castsUpTo(softmaxGrad.inputs[0]!);
    if (!isProduct(weightsGrad, 'b')) return undefined;
    const [dy, v] = weightsGrad.inputs;
    for (const last of this.#castsFrom(softmax)) {
      const weights = this.weights(last.id);
      const ofV = this.readers(last.id).find((node) => isProduct(node, 'a') && node.inputs[1] === dy && node.inputs[0] === last.id);
      if (weights === undefined || ofV === undefined) continue;
      const [q, k] = weights.scores.inputs;
      for (const scoresGrad of this.#castsFrom(softmaxGrad)) {
        const readers = this.readers(scoresGrad.id).filter(({ inputs }) => inputs[0] === scoresGrad.id);
        const ofQ = readers.find((node) => isProduct(node, undefined) && node.inputs[1] === k);
        const ofK = readers.find((node) => isProduct(node, 'a') && node.inputs[1] === q);
        if (ofQ === undefined || ofK === undefined || v === undefined) continue;
        const { casts: rounded } = this.#castsUpTo(scoresGrad.id);
        return { kind: 'gradient', ...weights, weightsGrad, widened, softmaxGrad, rounded, gradients: { q: ofQ, k: ofK, v: ofV } };
      }
    }
    return undefined;
  }

  /** A value, and what casts that read it make of it. */
  #castsFrom(node: Node): readonly Node[] {
    return [
      node,
      ...this.readers(node.id)
        .filter(isCast)
        .flatMap((cast) => this.#castsFrom(cast)),
    ];
  }
}

/**
 * Scores of all heads, in f32, from which on they are not kept: below, what a kernel writes is still in the processor's cache when the next
 * one reads it, and a product more costs more than it saves.
 */
const LEAST_BYTES = 2 ** 20;

function bytesOfScores({ softmax }: Weights): number {
  return byteLength({ ...softmax.type, dtype: 'f32' });
}

function pays(weights: Weights): boolean {
  return bytesOfScores(weights) >= LEAST_BYTES;
}

function idsOf(nodes: readonly Node[]): readonly ValueId[] {
  return nodes.map(({ id }) => id);
}

/** Every attention that is a kernel: only it reads its inner values, its nodes stand together, and it pays. */
function findAttention(graph: Graph, target: AttentionTarget): readonly Attention[] {
  if (!target.attention) return [];
  const finder = new Finder(graph);
  const standTogether = (nodes: readonly Node[]) => nodes.every(({ id }, i) => id === nodes[0]!.id + i);
  return graph.nodes
    .flatMap((node) => finder.forward(node) ?? finder.gradient(node) ?? [])
    .filter((one) => pays(one) && standTogether(attentionNodes(one)) && finder.isClosed(attentionNodes(one), resultsOf(one)));
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
  if (!target.attention) return graph;
  const finder = new Finder(graph);
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
    if (!pays(gradient) || !isReady || !finder.isClosed(rest, resultsOf(gradient))) continue;
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
    if (pays(forward) && isOwn) place(forward.sums.id, attentionNodes(forward));
  }
  if (placed.size === 0) return graph;
  return rebuild(
    graph,
    graph.nodes.flatMap((node) => placed.get(node.id) ?? (moved.has(node.id) ? [] : [node])),
  );
}

/** The attention that a group computes. */
export function attentionOf(graph: Graph, nodes: readonly ValueId[]): Attention {
  const finder = new Finder(graph);
  const found = nodes.map((id) => graph.nodes[id]!).flatMap((node) => finder.forward(node) ?? finder.gradient(node) ?? []);
  if (found.length !== 1) throw new Error('a group is one attention');
  return found[0]!;
}

/** By node: the attention that it belongs to. */
export function membersOfAttention(graph: Graph, target: AttentionTarget): ReadonlyMap<ValueId, Attention> {
  return new Map(findAttention(graph, target).flatMap((one) => attentionNodes(one).map(({ id }) => [id, one] as const)));
}
