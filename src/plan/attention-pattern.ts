import { findConsumers } from '../ir/consumers.js';
import { isCast } from '../ir/structure.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';

/**
 * softmax(q k^T), for as many matrices as the axes before the last two make: `before` rounds the scores, `after` rounds the weights and
 * drops some of them.
 */
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

/**
 * The gradients of q, k and v from that of the sums, with the weights made again: `widened` casts the weights' gradient and drops what they
 * dropped, `rounded` are casts.
 */
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

export function isDropout(node: Node): boolean {
  return opDefinition(node.op).dropsElements === true;
}

/** What changes a value element by element on its way through an attention. */
const isStep = (node: Node) => isCast(node) || isDropout(node);

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

  /** A value, and the steps that made another of it, in order. */
  #stepsUpTo(id: ValueId, isOne: (node: Node) => boolean): { readonly source: Node; readonly steps: readonly Node[] } {
    const steps: Node[] = [];
    let node = this.graph.nodes[id]!;
    while (isOne(node)) {
      steps.unshift(node);
      node = this.graph.nodes[node.inputs[0]!]!;
    }
    return { source: node, steps };
  }

  /** The weights that end in this value. */
  weights(id: ValueId): Weights | undefined {
    const { source: softmax, steps: after } = this.#stepsUpTo(id, isStep);
    if (opDefinition(softmax.op).probabilities !== 'distribution') return undefined;
    const { source: scores, steps: before } = this.#stepsUpTo(softmax.inputs[0]!, isCast);
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
    const { source: weightsGrad, steps: widened } = this.#stepsUpTo(softmaxGrad.inputs[0]!, isStep);
    if (!isProduct(weightsGrad, 'b')) return undefined;
    const [dy, v] = weightsGrad.inputs;
    for (const last of this.#stepsFrom(softmax, isStep)) {
      const weights = this.weights(last.id);
      const ofV = this.readers(last.id).find((node) => isProduct(node, 'a') && node.inputs[1] === dy && node.inputs[0] === last.id);
      if (weights === undefined || ofV === undefined) continue;
      const [q, k] = weights.scores.inputs;
      for (const scoresGrad of this.#stepsFrom(softmaxGrad, isCast)) {
        const readers = this.readers(scoresGrad.id).filter(({ inputs }) => inputs[0] === scoresGrad.id);
        const ofQ = readers.find((node) => isProduct(node, undefined) && node.inputs[1] === k);
        const ofK = readers.find((node) => isProduct(node, 'a') && node.inputs[1] === q);
        if (ofQ === undefined || ofK === undefined || v === undefined) continue;
        const { steps: rounded } = this.#stepsUpTo(scoresGrad.id, isCast);
        return { kind: 'gradient', ...weights, weightsGrad, widened, softmaxGrad, rounded, gradients: { q: ofQ, k: ofK, v: ofV } };
      }
    }
    return undefined;
  }

  /** A value, and what such steps that read it make of it. */
  #stepsFrom(node: Node, isOne: (node: Node) => boolean): readonly Node[] {
    const own = this.readers(node.id).filter((reader) => isOne(reader) && reader.inputs[0] === node.id);
    return [node, ...own.flatMap((step) => this.#stepsFrom(step, isOne))];
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
