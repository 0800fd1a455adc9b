import { isCast, isInput, isState } from '../ir/structure.js';
import type { DType, Node } from '../ir/types.js';
import { castFacts, phaseOf } from './facts.js';
import type { PlanFunction } from './plan.js';

/** In the forward pass one layer reads what another makes; `from` may be an input, such as `image`. */
export interface LayerEdge {
  readonly from: string;
  readonly to: string;
  /** Where the value is cast on its way: the formats, and the bytes that the cast alone moves. */
  readonly cast?: { readonly from: DType; readonly to: DType; readonly bytes: number };
}

/** The layers that a node belongs to or, of an input, its own name; undefined for what belongs to none. */
function endOf(node: Node): string | undefined {
  if (isInput(node)) return String(node.attrs.name);
  return isState(node) || node.layer === '' ? undefined : node.layer;
}

/** How values go from layer to layer in the forward pass of a function, each pair once; the one with a cast, if there is one. */
export function layerEdges(fn: PlanFunction): readonly LayerEdge[] {
  const { nodes } = fn.graph;
  const moved = new Map(castFacts(fn).map(({ node, bytesMoved }) => [node.id, bytesMoved]));
  const edges = new Map<string, LayerEdge>();
  const castOf = (node: Node): LayerEdge['cast'] => {
    if (!isCast(node)) return undefined;
    return { from: nodes[node.inputs[0]!]!.type.dtype, to: node.type.dtype, bytes: moved.get(node.id) ?? 0 };
  };
  for (const node of nodes) {
    const to = endOf(node);
    if (to === undefined || isInput(node) || phaseOf(node) !== 'forward') continue;
    for (const operand of node.inputs.map((id) => nodes[id]!)) {
      const from = endOf(operand);
      if (from === undefined || from === to) continue;
      const key = `${from}\n${to}`;
      const cast = castOf(node) ?? castOf(operand);
      if (!edges.has(key) || cast !== undefined) edges.set(key, { from, to, ...(cast && { cast }) });
    }
  }
  return [...edges.values()];
}
