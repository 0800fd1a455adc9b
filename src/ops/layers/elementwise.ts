import type { OpName } from '../../ir/op-names.js';
import type { LayerDefinition } from '../layer.js';

/** A layer without arguments that is one op of its input. */
export function elementwise(op: OpName, doc: string): LayerDefinition {
  return { doc, params: [], example: `x |> ${op}`, build: ({ input, emit }) => emit(op, [input]) };
}
