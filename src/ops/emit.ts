import type { GraphBuilder } from '../ir/builder.js';
import type { OpName } from '../ir/op-names.js';
import type { Attrs, DType, TensorType, ValueId } from '../ir/types.js';
import { isFloat, stringAttr } from '../ir/types.js';
import { note } from '../ir/why.js';
import { OPS, opDefinition } from './index.js';
import type { EmitOptions, OpDefinition } from './op.js';

/** Result format before the precision pass: floats are f32 unless an operand says otherwise. */
function defaultFormat(op: OpDefinition, types: readonly TensorType[], attrs: Attrs): DType {
  if (op === OPS.cast) return stringAttr(attrs, 'to') as DType;
  if (op.result !== 'class' && op.result !== 'accumulator' && op.result !== 'first') return op.result;
  const first = types.find((type) => isFloat(type.dtype));
  return first?.dtype ?? 'f32';
}

/** Appends op `name`, with its result's shape and format inferred. Throws ConstraintError where the op's constraints do not hold. */
export function emit(
  builder: GraphBuilder,
  name: OpName,
  inputs: readonly ValueId[],
  attrs: Attrs = {},
  options: EmitOptions & { readonly dtype?: DType } = {},
): ValueId {
  const op = opDefinition(name);
  const types = inputs.map((id) => builder.type(id));
  const { dtype, why, layer = '', loc, gradOf, updateOf } = options;
  const type: TensorType = { dtype: dtype ?? defaultFormat(op, types, attrs), shape: op.shape(types, attrs) };
  return builder.add({ op: name, inputs, attrs, type, layer, loc, gradOf, updateOf, why: why === undefined ? undefined : note(why) });
}
