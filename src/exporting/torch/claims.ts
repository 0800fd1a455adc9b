import type { TorchLayout } from '../../interchange/layouts.js';
import { isState } from '../../ir/structure.js';
import { type Graph, type Node, stringAttr } from '../../ir/types.js';
import { TorchContext } from './context.js';
import { LAYER_FORMS, type LayerForm } from './layers.js';

const FORMS: Readonly<Partial<Record<string, LayerForm>>> = LAYER_FORMS;

function isClaimable(graph: Graph, node: Node, form: LayerForm): boolean {
  const owns = Object.entries(form.parameters).every(([index, name]) => {
    const id = node.inputs[Number(index)];
    const operand = id === undefined ? undefined : graph.nodes[id]!;
    return operand === undefined || !isState(operand) || stringAttr(operand.attrs, 'name') === `${node.layer}.${name}`;
  });
  const first = Number(Object.keys(form.parameters)[0]);
  return owns && isState(graph.nodes[node.inputs[first]!]!);
}

/** By node: the form of a layer of torch.nn that it is, with the states it then holds. Each layer is one module, its first use. */
export function claimLayers(graph: Graph, layouts: ReadonlyMap<string, TorchLayout>): ReadonlyMap<number, LayerForm> {
  const claims = new Map<number, LayerForm>();
  const taken = new Set<string>();
  for (const node of graph.nodes) {
    const form = FORMS[node.op];
    if (form === undefined || node.layer === '' || taken.has(node.layer) || !isClaimable(graph, node, form)) continue;
    const context = new TorchContext(
      graph,
      node,
      layouts,
      0,
      () => ({ text: '', order: 'last' }),
      () => '',
    );
    if (form.fits?.(context) === false) continue;
    claims.set(node.id, form);
    taken.add(node.layer);
  }
  return claims;
}

/** Names of the states that claimed layers hold. */
export function claimedStates(graph: Graph, claims: ReadonlyMap<number, LayerForm>): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [id, form] of claims)
    for (const index of Object.keys(form.parameters)) {
      const operand = graph.nodes[graph.nodes[id]!.inputs[Number(index)] ?? -1];
      if (operand !== undefined && isState(operand)) names.add(stringAttr(operand.attrs, 'name'));
    }
  return names;
}
