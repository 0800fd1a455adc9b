import { valueNames } from '../ir/print.js';
import { isCast, isState } from '../ir/structure.js';
import type { DType, Node, Shape, ValueId } from '../ir/types.js';
import { whyText } from '../ir/why.js';
import { castFacts, type Phase, phaseOf, valueLabel } from './facts.js';
import type { LayerEdge } from './layer-edges.js';
import type { PlanFunction } from './plan.js';

/** An op of a layer in a step, or what stands beside the layer: what its ops read, and what reads them. */
export interface LayerOp {
  /** No other of the picture has it. */
  readonly name: string;
  readonly phase: Phase;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly isBeside: boolean;
  readonly why: string;
}

export interface LayerOps {
  readonly ops: readonly LayerOp[];
  /** What reads what; a cast between them is a mark. */
  readonly edges: readonly LayerEdge[];
}

/** What becomes of one layer in a step, op by op: forward, backward and the update of its parameters. */
export function layerOps(fn: PlanFunction, layer: string): LayerOps {
  const { graph } = fn;
  const moved = new Map(castFacts(fn).map(({ node, bytesMoved }) => [node.id, bytesMoved]));
  const isOwn = (node: Node) => node.layer === layer || (node.updateOf !== undefined && graph.nodes[node.updateOf]!.layer === layer);
  const values = valueNames(graph);
  const nameOf = (node: Node): string => (isState(node) ? String(node.attrs.name) : `${node.op} ${values[node.id]}`);
  const ops = new Map<string, LayerOp>();
  const edges = new Map<string, LayerEdge>();
  const add = (node: Node): string => {
    const isBeside = !isOwn(node);
    const name = isBeside ? valueLabel(graph, node.id) : nameOf(node);
    const { dtype, shape } = node.type;
    if (!ops.has(name)) ops.set(name, { name, phase: phaseOf(node), dtype, shape, isBeside, why: whyText(node) });
    return name;
  };
  const readThrough = (id: ValueId): { readonly source: Node; readonly cast?: LayerEdge['cast'] } => {
    const node = graph.nodes[id]!;
    if (!isCast(node)) return { source: node };
    const { source } = readThrough(node.inputs[0]!);
    return { source, cast: { from: source.type.dtype, to: node.type.dtype, bytes: moved.get(id) ?? 0 } };
  };
  for (const node of graph.nodes) {
    if (isCast(node)) continue;
    const own = isOwn(node);
    for (const id of node.inputs) {
      const { source, cast } = readThrough(id);
      const between = own && isOwn(source);
      // An update reads what the step knows of itself: the scale, the rate, whether all gradients are finite.
      if (!between && ((!own && !isOwn(source)) || phaseOf(node) === 'update')) continue;
      const [from, to] = [add(source), add(node)];
      const key = `${from}\n${to}`;
      if (from !== to && edges.get(key)?.cast === undefined) edges.set(key, { from, to, ...(cast && { cast }) });
    }
  }
  return { ops: [...ops.values()], edges: [...edges.values()] };
}
