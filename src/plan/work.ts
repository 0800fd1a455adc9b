import { isConstant, isState } from '../ir/structure.js';
import { byteLength, type ComputeType, isLow, stringsAttr } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';
import type { Group, PlanFunction } from './plan.js';
import { storageRoot } from './storage.js';

/** What a kernel does by the plan. */
export interface GroupWork {
  /** Operations of its contractions. */
  readonly flops: number;
  /** The format that its contractions read; f32 where there is none. */
  readonly format: ComputeType;
  /** Bytes of the values that it reads, stores and updates, each once. */
  readonly bytes: number;
}

/** A way to a contraction's sums with fewer multiplications, in f32. */
export interface KernelMethod {
  readonly name: string;
  /**
   * Multiplications that it needs, as a share of those that the contraction's definition has; without its transforms, and where tiles do
   * not overlap.
   */
  readonly multiplications: number;
}

export function groupWork({ graph }: PlanFunction, group: Group): GroupWork {
  const inside = new Set(group.nodes);
  const read = new Set<number>();
  let flops = 0;
  let format: ComputeType = 'f32';
  let updates = 0;
  for (const id of group.nodes) {
    const node = graph.nodes[id]!;
    const op = opDefinition(node.op);
    const types = node.inputs.map((input) => graph.nodes[input]!.type);
    if (op.kind === 'contraction') {
      flops += op.flops?.(types, node.attrs, node.type) ?? 0;
      format = types.map(({ dtype }) => dtype).find(isLow) ?? format;
    }
    if (op.effect === true) {
      const written = new Set(stringsAttr(node.attrs, 'writes'));
      for (const input of node.inputs) {
        const state = graph.nodes[input]!;
        if (isState(state) && written.has(String(state.attrs.name))) updates += byteLength(state.type);
      }
    }
    for (const input of node.inputs) {
      const root = storageRoot(graph, input);
      if (!inside.has(root) && !isConstant(graph.nodes[root]!)) read.add(root);
    }
  }
  const moved = [...read, ...group.stores].reduce((sum, id) => sum + byteLength(graph.nodes[id]!.type), 0);
  return { flops, format, bytes: moved + updates };
}
