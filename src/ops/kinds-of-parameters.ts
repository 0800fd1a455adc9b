import type { ParameterKind } from '../ir/parameter-kinds.js';
import { isState } from '../ir/structure.js';
import type { Node } from '../ir/types.js';
import { isOfKind, opDefinition } from './index.js';

/** Of the parameters that a forward pass reads, by name. */
export function kindsOfParameters(nodes: readonly Node[]): ReadonlyMap<string, ParameterKind> {
  const forward = nodes.filter(({ gradOf }) => gradOf === undefined);
  const multiplied = forward.filter(({ op }) => isOfKind(op, 'contraction')).flatMap(({ inputs }) => inputs);
  const read = new Set(multiplied.map((id) => nodes[id]!));
  const norms = new Set(forward.filter(({ op }) => opDefinition(op).normalizes === true).map(({ layer }) => layer));
  const kindOf = (node: Node): ParameterKind => {
    if (read.has(node)) return node.type.shape.length >= 2 ? 'weights' : 'biases';
    if (!norms.has(node.layer)) return 'params';
    return String(node.attrs.name).endsWith('.bias') ? 'norm_shifts' : 'norm_scales';
  };
  const parameters = forward.filter((node) => isState(node) && node.attrs.role === 'parameter');
  return new Map(parameters.map((node) => [String(node.attrs.name), kindOf(node)]));
}
