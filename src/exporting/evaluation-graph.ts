import { GraphBuilder } from '../ir/builder.js';
import { furtherName } from '../ir/graph-names.js';
import { orderStep, rebuild } from '../ir/rewrite.js';
import { isInput, isState } from '../ir/structure.js';
import { type Graph, type Node, type Shape, stringAttr } from '../ir/types.js';
import { validateGraph } from '../ir/validate.js';
import { opRules } from '../ops/rules.js';
import type { Plan } from '../plan/plan.js';

/** What an evaluation computes from the image to the logits: without losses and counts. The image stays, the label does not. */
export function evaluationGraph(plan: Plan): Graph {
  const fn = plan.functions.find(({ name }) => name === 'eval_step');
  if (fn === undefined) throw new Error('the plan has no eval_step');
  return upToLogits(fn.graph);
}

/** As `evaluationGraph`, of a graph with an output `logits`. */
export function upToLogits(graph: Graph): Graph {
  const logits = graph.outputs.logits!;
  const live = new Uint8Array(graph.nodes.length);
  live[logits] = 1;
  for (let id = logits; id >= 0; id -= 1) if (live[id] === 1) for (const input of graph.nodes[id]!.inputs) live[input] = 1;
  const order = graph.nodes.filter((node) => live[node.id] === 1 || isImage(node));
  return rebuild({ ...graph, outputs: { logits } }, order);
}

export function isImage(node: Node): boolean {
  return isInput(node) && node.attrs.name === 'image';
}

/** What the graph takes besides the image: input nodes. */
export function furtherNodes({ nodes }: Graph): readonly Node[] {
  return nodes.filter((node) => isInput(node) && !isImage(node));
}

/** What a file calls an input of the graph. */
export function inputName({ attrs }: Node): string {
  const name = stringAttr(attrs, 'name');
  return furtherName(name) ?? name;
}

/** The images of a batch that the graph is for. */
export function batchOf(graph: Graph): number {
  return graph.nodes.find(isImage)!.type.shape[0]!;
}

/**
 * A number of images that no other axis of the graph has, nor a multiple of it: where the graph is compiled for so many, an axis of that
 * size is the batch.
 */
export function telltaleBatch(graph: Graph): number {
  const sizes = new Set(graph.nodes.flatMap(({ type }) => type.shape));
  const isPrime = (n: number) => Array.from({ length: Math.floor(Math.sqrt(n)) - 1 }, (_, i) => i + 2).every((d) => n % d !== 0);
  for (let batch = 3; ; batch += 2) if (isPrime(batch) && [...sizes].every((size) => size % batch !== 0)) return batch;
}

/** An attribute that is a shape has the batch first, where it has one. */
function withBatch(node: Node, from: number, to: number): Node {
  const replaced = (shape: Shape): Shape => (shape[0] === from ? [to, ...shape.slice(1)] : shape);
  const { shape } = node.attrs;
  const attrs = Array.isArray(shape) ? { ...node.attrs, shape: replaced(shape as Shape) } : node.attrs;
  return { ...node, attrs, type: { ...node.type, shape: replaced(node.type.shape) } };
}

/** The graph, compiled for a number of images that no other axis has, for another number. Throws an Error where that makes no graph. */
export function rebatched(graph: Graph, batch: number): Graph {
  const from = batchOf(graph);
  const changed = { ...graph, nodes: graph.nodes.map((node) => (isState(node) ? node : withBatch(node, from, batch))) };
  validateGraph(changed, opRules);
  return changed;
}

/** The graph with logits in f32, whatever their format in the plan. */
function endingInSingle(graph: Graph): Graph {
  const logits = graph.nodes[graph.outputs.logits!]!;
  if (logits.type.dtype === 'f32') return graph;
  const builder = new GraphBuilder(graph.nodes);
  const type = { dtype: 'f32', shape: logits.type.shape } as const;
  const wide = builder.add({ op: 'cast', inputs: [logits.id], attrs: { to: 'f32' }, type, layer: logits.layer });
  return builder.finish(graph.name, { logits: wide });
}

/** The evaluation of one image, with logits in f32, in the order of the text form. */
export function forOneImage(graph: Graph): Graph {
  return { ...orderStep(endingInSingle(rebatched(graph, 1))), name: 'eval_step' };
}
