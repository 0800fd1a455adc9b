import { isState } from '../ir/structure.js';
import type { Graph, Node, ValueId } from '../ir/types.js';
import { isReadInPlace, isView, opDefinition } from '../ops/index.js';
import { forwardOp } from '../precision/pins.js';
import type { Group, GroupKind } from './plan.js';
import { storageRoot } from './storage.js';

/** A group that nodes may still join. */
export interface OpenGroup {
  readonly index: number;
  kind: GroupKind;
  readonly nodes: Node[];
}

/** The node that a contraction's kernel is about. */
export function anchorOf(nodes: readonly Node[]): Node {
  return nodes.find((node) => opDefinition(node.op).kind === 'contraction')!;
}

/** The groups as they are when nothing more joins, each with a name of its own and what it stores. */
export function nameGroups(graph: Graph, groups: readonly OpenGroup[]): Group[] {
  const readOutside = findReadOutside(graph, groups);
  const used = new Map<string, number>();
  return groups.map((group): Group => {
    const base = baseName(graph, group);
    const count = (used.get(base) ?? 0) + 1;
    used.set(base, count);
    const nodes = group.nodes.map((node) => node.id);
    return {
      index: group.index,
      name: count === 1 ? base : `${base}_${count}`,
      kind: group.kind,
      nodes,
      stores: nodes.filter((id) => readOutside.has(id)),
    };
  });
}

/** The node that a group is named by, if it is no plain first one: of an attention its softmax, or the gradient of that. */
function anchor({ kind, nodes }: OpenGroup): Node | undefined {
  if (kind === 'attention') return nodes.findLast((node) => opDefinition(node.op).kind === 'rows');
  return kind === 'contraction' ? anchorOf(nodes) : undefined;
}

/** `conv1` for a layer's own contraction, `conv1_weight_grad`, `conv1_bias_grad`, `relu_1_grad`; the op alone where there is no layer. */
function baseName(graph: Graph, group: OpenGroup): string {
  const own = group.nodes.find((node) => !isReadInPlace(node)) ?? group.nodes[0]!;
  const first = anchor(group) ?? own;
  if (group.kind === 'update') return 'update';
  const layer = first.layer.replace(/[^A-Za-z0-9]+/g, '_');
  const forward = forwardOp(first.op);
  const gradient = first.op === forward ? first.op : first.op.slice(forward.length + 1);
  const role =
    opDefinition(first.op).plainSum === true
      ? parameterGradient(graph, first)
      : forward === first.op && group.kind === 'contraction'
        ? ''
        : gradient;
  const name = layer === '' ? first.op : [layer, role].filter((part) => part !== '').join('_');
  return /^[A-Za-z_]/.test(name) ? name : `layer_${name}`;
}

/** `bias_grad` for the gradient of `conv1.bias`. */
function parameterGradient(graph: Graph, node: Node): string {
  const parameter = node.gradOf === undefined ? undefined : graph.nodes[node.gradOf];
  const name = String(parameter?.attrs.name ?? node.op);
  return parameter !== undefined && isState(parameter) ? `${name.slice(name.lastIndexOf('.') + 1)}_grad` : node.op;
}

/** Storage roots of the values that another group, or the caller, reads. */
function findReadOutside(graph: Graph, groups: readonly OpenGroup[]): Set<ValueId> {
  const groupOf = new Int32Array(graph.nodes.length).fill(-1);
  for (const group of groups) for (const node of group.nodes) groupOf[node.id] = group.index;
  const read = new Set<ValueId>(Object.values(graph.outputs).map((id) => storageRoot(graph, id)));
  for (const node of graph.nodes) {
    if (isView(node)) continue;
    for (const input of node.inputs) {
      const root = storageRoot(graph, input);
      if (groupOf[root] !== groupOf[node.id]) read.add(root);
    }
  }
  return read;
}
