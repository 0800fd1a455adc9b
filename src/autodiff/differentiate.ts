import { GraphBuilder } from '../ir/builder.js';
import type { Graph, ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { opDefinition } from '../ops/index.js';

export interface Gradients {
  readonly builder: GraphBuilder;
  /** By state name: the gradient of the loss with respect to each parameter that it depends on. */
  readonly parameters: ReadonlyMap<string, ValueId>;
}

/** Marks the values that depend on a parameter. */
function dependsOnParameter(graph: Graph): boolean[] {
  const depends: boolean[] = [];
  for (const node of graph.nodes) {
    const isParameter = node.op === 'state' && node.attrs.role === 'parameter';
    depends.push(isParameter || node.inputs.some((id) => depends[id]));
  }
  return depends;
}

/**
 * Reverse-mode differentiation of the scalar `loss`: appends the backward pass to the graph's nodes. `seed` is the gradient of the loss with
 * respect to itself. Every backward node names the forward value whose gradient it is; a value used several times gets its gradients added
 * in the reverse order of its uses.
 */
export function differentiate(graph: Graph, loss: ValueId, seed: (builder: GraphBuilder) => ValueId): Gradients {
  const builder = new GraphBuilder(graph.nodes);
  const depends = dependsOnParameter(graph);
  const gradients = new Map<ValueId, ValueId>([[loss, seed(builder)]]);
  const parameters = new Map<string, ValueId>();

  for (let index = loss; index >= 0; index -= 1) {
    const dy = gradients.get(index);
    const node = graph.nodes[index]!;
    if (dy === undefined || !depends[index]) continue;
    if (node.op === 'state') {
      parameters.set(String(node.attrs.name), dy);
      continue;
    }
    const rule = opDefinition(node.op).gradient;
    if (rule === 'none') continue;
    const place = { layer: node.layer, ...(node.loc && { loc: node.loc }) };
    const operandGradients = rule({
      builder,
      node,
      dy,
      needs: (operand) => depends[node.inputs[operand]!] === true,
      emit: (op, inputs, attrs, of) =>
        emit(builder, op, inputs, attrs, {
          ...place,
          ...(of === undefined ? { why: 'kept for the backward pass' } : { gradOf: node.inputs[of]! }),
        }),
    });
    for (const [operand, gradient] of operandGradients.entries()) {
      const value = node.inputs[operand]!;
      if (gradient === undefined || !depends[value]) continue;
      const before = gradients.get(value);
      const sum =
        before === undefined ? gradient : emit(builder, 'add', [before, gradient], {}, { ...placeOf(graph, value), gradOf: value });
      gradients.set(value, sum);
    }
  }
  return { builder, parameters };
}

function placeOf(graph: Graph, value: ValueId) {
  const { layer, loc } = graph.nodes[value]!;
  return { layer, ...(loc && { loc }) };
}
