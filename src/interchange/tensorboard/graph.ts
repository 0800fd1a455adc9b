import { isInput, isState } from '../../ir/structure.js';
import type { Graph, Node } from '../../ir/types.js';
import { formatType } from '../../ir/types.js';
import { formatWhy } from '../../ir/why.js';
import { phaseOf } from '../../plan/facts.js';
import type { BoardNode } from './schema.js';

/** Names of TensorFlow's nodes have these characters alone. */
function plain(text: string): string {
  return text.replaceAll('.', '/').replace(/[^\w/>\\-]/g, '_');
}

/** Layers are scopes, which TensorBoard folds; the backward pass and the optimizer have one of their own. */
function nameOf(node: Node): string {
  const { id, op, layer } = node;
  if (isInput(node) || isState(node)) return plain(String(node.attrs.name));
  const phase = phaseOf(node);
  const scopes = [...(phase === 'forward' ? [] : [phase]), ...(layer === '' ? [] : [plain(layer)])];
  return [...scopes, `${op}_${id}`].join('/');
}

/**
 * A function of a plan for TensorBoard. Each node tells its type and why it has it; `device` is its format, so that colours by device are
 * colours by format.
 */
export function boardGraph({ nodes }: Graph): readonly BoardNode[] {
  const names = nodes.map(nameOf);
  return nodes.map(({ id, op, inputs, type, why }) => {
    const shape = { list: { shape: [{ dim: type.shape.map((size) => ({ size })) }] } };
    const text = (value: string) => ({ s: Buffer.from(value) });
    return {
      name: names[id]!,
      op,
      input: inputs.map((input) => names[input]!),
      device: type.dtype,
      attr: { _output_shapes: shape, type: text(formatType(type)), ...(why !== undefined && { why: text(formatWhy(why)) }) },
    };
  });
}
