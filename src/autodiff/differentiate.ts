import type { GraphBuilder } from '../ir/builder.js';
import { isState } from '../ir/structure.js';
import type { Node, ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { opDefinition } from '../ops/index.js';

/** Marks the values that depend on a parameter in a way that can be differentiated. */
function dependsOnParameter(nodes: readonly Node[]): boolean[] {
  const depends: boolean[] = [];
  for (const node of nodes) {
    const isParameter = isState(node) && node.attrs.role === 'parameter' && node.attrs.frozen !== true;
    const isPassed = opDefinition(node.op).gradient !== 'none' && node.inputs.some((id) => depends[id]);
    depends.push(isParameter || isPassed);
  }
  return depends;
}

export interface Root {
  /** The scalar that is differentiated: a loss, or a scaled one. */
  readonly loss: ValueId;
  /** The gradient of the loss with respect to itself. */
  readonly seed: ValueId;
  /** Why the gradient enters as it does: on what the loss's own rule adds. */
  readonly why?: string;
}

/**
 * Reverse-mode differentiation: appends the backward pass of `loss` to the builder's nodes, and gives, by state name, the gradient with
 * respect to each parameter that the loss depends on. Every backward node names the forward value whose gradient it is; a value used
 * several times gets its gradients added in the reverse order of its uses.
 */
export function differentiate(builder: GraphBuilder, { loss, seed, why }: Root): ReadonlyMap<string, ValueId> {
  const depends = dependsOnParameter(builder.nodes);
  const gradients = new Map<ValueId, ValueId>([[loss, seed]]);
  const parameters = new Map<string, ValueId>();

  for (let index = loss; index >= 0; index -= 1) {
    const dy = gradients.get(index);
    const node = builder.node(index);
    if (dy === undefined || !depends[index]) continue;
    if (isState(node)) {
      parameters.set(String(node.attrs.name), dy);
      continue;
    }
    const rule = opDefinition(node.op).gradient;
    if (rule === 'none') continue;
    const entry = index === loss && why !== undefined ? { why } : {};
    const operandGradients = rule({
      builder,
      node,
      dy,
      needs: (operand) => depends[node.inputs[operand]!] === true,
      emit: (op, inputs, attrs, of) =>
        emit(builder, op, inputs, attrs, {
          ...placeOf(node),
          ...(of === undefined ? { why: 'kept for the backward pass' } : { ...entry, gradOf: node.inputs[of]! }),
        }),
    });
    for (const [operand, gradient] of operandGradients.entries()) {
      const value = node.inputs[operand]!;
      if (gradient === undefined || !depends[value]) continue;
      const before = gradients.get(value);
      const sum =
        before === undefined ? gradient : emit(builder, 'add', [before, gradient], {}, { ...placeOf(builder.node(value)), gradOf: value });
      gradients.set(value, sum);
    }
  }
  return parameters;
}

function placeOf({ layer, loc }: Node) {
  return { layer, ...(loc && { loc }) };
}
