import { GraphBuilder } from '../ir/builder.js';
import { findConsumers } from '../ir/consumers.js';
import { type Graph, type Node, numberAttr, numbersAttr, type ValueId } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';

/** A graph, and who reads what in it. */
class Reading {
  readonly #consumers: readonly (readonly ValueId[])[];
  readonly #outputs: ReadonlySet<ValueId>;

  constructor(readonly graph: Graph) {
    this.#consumers = findConsumers(graph);
    this.#outputs = new Set(Object.values(graph.outputs));
  }

  node(id: ValueId): Node {
    return this.graph.nodes[id]!;
  }

  /** Who reads a value, once for each operand; undefined where the graph hands it on. */
  readers(id: ValueId): readonly Node[] | undefined {
    return this.#outputs.has(id) ? undefined : this.#consumers[id]!.map((reader) => this.node(reader));
  }

  /** The one operand of one node that a value is for. */
  onlyReader(id: ValueId): Node | undefined {
    const readers = this.readers(id);
    return readers?.length === 1 ? readers[0] : undefined;
  }
}

const isProduct = ({ op }: Node): boolean => opDefinition(op).matrixProduct === true;
const inOrder = (axes: readonly number[]): boolean => axes.every((axis, i) => axis === i);

/** The graph again, with what `made` gives for each node; `inputs` are by their new numbers. */
function rebuilt(graph: Graph, made: (node: Node, inputs: readonly ValueId[], builder: GraphBuilder, ids: ValueId[]) => ValueId): Graph {
  const builder = new GraphBuilder();
  const ids: ValueId[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => ids[id]!);
    ids.push(made(node, inputs, builder, ids));
  }
  return builder.finish(graph.name, Object.fromEntries(Object.entries(graph.outputs).map(([name, id]) => [name, ids[id]!])));
}

/** Of a product: both factors are read as they are. */
const NEITHER = 'neither';

/** A value, and the order of its axes. */
interface Ordered {
  readonly of: ValueId;
  readonly axes: readonly number[];
}

/** What is left of a transpose, or of two, for readers that exchange the last two axes themselves. */
function leftOf(reading: Reading, transpose: Node): Ordered {
  const axes = numbersAttr(transpose.attrs, 'axes');
  const rest = [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!];
  const inner = reading.node(transpose.inputs[0]!);
  if (inner.op !== 'transpose' || inOrder(rest)) return { of: inner.id, axes: rest };
  const before = numbersAttr(inner.attrs, 'axes');
  return { of: inner.inputs[0]!, axes: rest.map((axis) => before[axis]!) };
}

/**
 * Products read a factor whose columns a `transpose` made of its rows as it was before, where its rows then stay whole: the k of q k^T is
 * as in `matmul(k, transpose: true)`.
 */
function withFactorsInRows(graph: Graph): Graph {
  const reading = new Reading(graph);
  const left = new Map<ValueId, Ordered>();
  const transposed = new Map<ValueId, string>();
  for (const node of graph.nodes) {
    if (node.op !== 'transpose' || node.type.shape.length < 2) continue;
    const readers = reading.readers(node.id) ?? [];
    const rest = leftOf(reading, node);
    const last = rest.axes.length - 1;
    if (readers.length === 0 || new Set(readers).size < readers.length || rest.axes[last] !== last) continue;
    const ways = readers.map((reader) => {
      const side = reader.inputs[0] === node.id ? 'a' : 'b';
      const now = transposed.get(reader.id) ?? String(reader.attrs.transposed ?? NEITHER);
      return isProduct(reader) && (now === NEITHER || now === side) ? { reader, to: now === side ? NEITHER : side } : undefined;
    });
    if (!ways.every((way) => way !== undefined)) continue;
    left.set(node.id, rest);
    for (const { reader, to } of ways) transposed.set(reader.id, to);
  }
  if (left.size === 0) return graph;
  return rebuilt(graph, (node, inputs, builder, ids) => {
    const rest = left.get(node.id);
    if (rest !== undefined) {
      const of = ids[rest.of]!;
      if (inOrder(rest.axes)) return of;
      const inner = reading.node(node.inputs[0]!);
      if (inner.op === 'transpose' && String(inner.attrs.axes) === String(rest.axes)) return inputs[0]!;
      const { dtype, shape } = builder.type(of);
      return builder.add({
        ...node,
        inputs: [of],
        attrs: { axes: rest.axes },
        type: { dtype, shape: rest.axes.map((axis) => shape[axis]!) },
      });
    }
    const to = transposed.get(node.id);
    if (to === undefined) return builder.add({ ...node, inputs });
    return builder.add({ ...node, inputs, attrs: to === NEITHER ? {} : { transposed: to } });
  });
}

/** A factor that scores are multiplied by: on their way to the softmax, or in q or k before their product. */
interface Scaling {
  readonly steps: readonly Node[];
  /** The value from which q's way to the product starts, the node that reads it there, and as which operand. */
  readonly from: ValueId;
  readonly reader: ValueId;
}

const MOVES: ReadonlySet<string> = new Set(['reshape', 'transpose', 'scale']);

/** From a factor of a product up to what is only moved and scaled on its way there. */
function wayUp(
  reading: Reading,
  product: Node,
  side: 0 | 1,
): { readonly scales: readonly Node[]; readonly from: ValueId; readonly reader: Node } {
  const scales: Node[] = [];
  let reader = product;
  let id = product.inputs[side]!;
  for (let node = reading.node(id); MOVES.has(node.op) && reading.onlyReader(id) !== undefined; node = reading.node(id)) {
    if (node.op === 'scale') scales.push(node);
    else reader = node;
    id = node.inputs[0]!;
  }
  return { scales, from: id, reader };
}

/** The factors by which the scores of a softmax are multiplied, where there are any. */
function scalingOf(reading: Reading, softmax: Node): Scaling | undefined {
  const steps: Node[] = [];
  let scores = reading.node(softmax.inputs[0]!);
  // What is added to the scores, a mask or a bias, is not multiplied with them.
  while (reading.onlyReader(scores.id) !== undefined && (scores.op === 'scale' || (scores.op === 'add' && steps.length === 0))) {
    if (scores.op === 'scale') steps.push(scores);
    scores = reading.node(scores.inputs[0]!);
  }
  if (!isProduct(scores) || reading.onlyReader(scores.id) === undefined) return undefined;
  if (scores.inputs[0] === scores.inputs[1]) return undefined;
  const [q, k] = [wayUp(reading, scores, 0), wayUp(reading, scores, 1)];
  steps.push(...k.scales, ...q.scales);
  return steps.length === 0 ? undefined : { steps, from: q.from, reader: q.reader.id };
}

/**
 * What scales the scores of an attention stands where `attention` has it: in q, before its heads are moved apart. There it costs least,
 * and scores do not overflow before they are small.
 */
function withScaledQueries(graph: Graph): Graph {
  const reading = new Reading(graph);
  const found = graph.nodes
    .filter(({ op }) => opDefinition(op).probabilities === 'distribution')
    .flatMap((softmax) => scalingOf(reading, softmax) ?? []);
  if (found.length === 0) return graph;
  const gone = new Set(found.flatMap(({ steps }) => steps.map(({ id }) => id)));
  const byReader = new Map(found.map((one) => [one.reader, one]));
  const scaled = new Map<ValueId, ValueId>();
  const bySource = new Map<ValueId, Scaling[]>();
  for (const one of found) bySource.set(one.from, [...(bySource.get(one.from) ?? []), one]);
  return rebuilt(graph, (node, inputs, builder) => {
    if (gone.has(node.id)) return scaled.get(node.id) ?? inputs[0]!;
    const own = byReader.get(node.id);
    const read = own === undefined ? inputs : [scaled.get(own.reader)!, ...inputs.slice(1)];
    const id = builder.add({ ...node, inputs: read });
    for (const { steps, reader } of bySource.get(node.id) ?? []) {
      const factor = steps.reduce((product, step) => product * numberAttr(step.attrs, 'factor'), 1);
      scaled.set(reader, builder.add({ ...steps[0]!, inputs: [id], attrs: { factor }, type: node.type }));
    }
    return id;
  });
}

/**
 * Every spelling of an attention in the form in which the layer `attention` has it, so that all of them become one plan: q is scaled, and k
 * is multiplied as rows. Nodes that nobody reads any more stay, for whoever prunes the graph.
 */
export function attentionForm(graph: Graph): Graph {
  return withFactorsInRows(withScaledQueries(graph));
}
