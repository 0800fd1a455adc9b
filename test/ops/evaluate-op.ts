import { GraphBuilder } from '../../src/ir/builder.js';
import type { Attrs, TensorType } from '../../src/ir/types.js';
import { emit } from '../../src/ops/emit.js';
import type { OpName } from '../../src/ops/index.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';

export interface Operand {
  readonly type: TensorType;
  readonly elements: Elements;
}

export function float(shape: readonly number[], data: readonly number[]): Operand {
  return { type: { dtype: 'f32', shape }, elements: Float32Array.from(data) };
}

export function scalar(value: number): Operand {
  return float([], [value]);
}

export function integers(shape: readonly number[], data: readonly number[]): Operand {
  return { type: { dtype: 'i32', shape }, elements: Int32Array.from(data) };
}

export function bool(value: boolean): Operand {
  return { type: { dtype: 'bool', shape: [] }, elements: Uint8Array.of(value ? 1 : 0) };
}

/** Result of one op on the reference interpreter, as f32 values, with the states that it writes. */
export function evaluateOp(
  name: OpName,
  operands: readonly Operand[],
  attrs: Attrs = {},
): Operand & { writes: ReadonlyMap<string, Elements> } {
  const builder = new GraphBuilder();
  const inputs: Record<string, Elements> = {};
  const ids = operands.map(({ type, elements }, i) => {
    inputs[`operand${i}`] = elements;
    return builder.add({ op: 'input', attrs: { name: `operand${i}` }, type });
  });
  const result = emit(builder, name, ids, attrs);
  const { values, writes } = evaluateGraph(builder.finish('case', { result }), inputs, new Map());
  return { type: builder.type(result), elements: values.get(result)!, writes };
}
