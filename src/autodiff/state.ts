import type { GraphBuilder } from '../ir/builder.js';
import type { StateRole, TensorType, ValueId } from '../ir/types.js';
import { note } from '../ir/why.js';

/** Declares a state of the step's own bookkeeping, which starts with `value` in every element. */
export function declareState(builder: GraphBuilder, name: string, type: TensorType, role: StateRole, value: number, why: string): ValueId {
  return builder.add({ op: 'state', attrs: { name, role, init: 'constant', value }, type, why: note(why) });
}
