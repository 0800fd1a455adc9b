import { findConsumers } from '../ir/consumers.js';
import { isCast } from '../ir/structure.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';

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

export function weightNodes({ scores, before, softmax, after }: Weights): readonly Node[] {
  return [scores, ...before, softmax, ...after];
}

export function resultsOf(attention: Attention): readonly Node[] {
  return attention.kind === 'forward' ? [attention.sums] : Object.values(attention.gradients);
}

/** The nodes of one, in execution order. */
export function attentionNodes(attention: Attention): readonly Node[] {
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

/** A graph never changes, and each of its groups is looked into by itself: its readers are listed once. */
const finders = new WeakMap<Graph, Finder>();

export function finderOf(graph: Graph): Finder {
  const known = finders.get(graph) ?? new Finder(graph);
  finders.set(graph, known);
  return known;
}

/** The attention that a group computes. */
export function attentionOf(graph: Graph, nodes: readonly ValueId[]): Attention {
  const finder = finderOf(graph);
  const found = nodes.map((id) => graph.nodes[id]!).flatMap((node) => finder.forward(node) ?? finder.gradient(node) ?? []);
  if (found.length !== 1) throw new Error('a group is one attention');
  return found[0]!;
}
