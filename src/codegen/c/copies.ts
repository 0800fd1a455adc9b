import type { ValueId } from '../../ir/types.js';
import { elementCount, numberAttr } from '../../ir/types.js';
import { Locals } from './expression.js';
import type { KernelContext } from './kernel.js';
import { eachVector, type LoopFunction, loopFunction, partLength } from './loops.js';
import { indent } from './text.js';

/** Copies `length` consecutive elements of an operand to the result, converted between their formats. */
function copyRun(context: KernelContext, id: ValueId, operand: ValueId, from: string, to: string, length: number): string[] {
  return eachVector(length, context.target.lanes, ({ lanes }) => {
    const at = { channel: 'c', ...(lanes !== undefined && { lanes }) };
    const source = new Locals(context, { ...at, index: `(${from} + c)` });
    const value = source.load(operand);
    const target = new Locals(context, { ...at, index: `(${to} + c)` });
    target.set(id, value);
    target.store(id);
    return [...source.statements, ...target.statements];
  });
}

/** `concat` and `slice`: for each index before the axis, runs of consecutive elements. */
export function copyFunction(context: KernelContext, id: ValueId): LoopFunction {
  const node = context.node(id);
  const axis = numberAttr(node.attrs, 'axis');
  const { shape } = node.type;
  const outer = elementCount(shape.slice(0, axis));
  const inner = elementCount(shape.slice(axis + 1));
  const lines: string[] = [];
  if (node.op === 'slice') {
    const size = context.type(node.inputs[0]!).shape[axis]!;
    const from = `row * ${size * inner} + ${numberAttr(node.attrs, 'start') * inner}`;
    lines.push(...copyRun(context, id, node.inputs[0]!, from, `row * ${shape[axis]! * inner}`, shape[axis]! * inner));
  } else {
    let start = 0;
    for (const operand of node.inputs) {
      const size = context.type(operand).shape[axis]!;
      lines.push(
        ...copyRun(context, id, operand, `row * ${size * inner}`, `row * ${shape[axis]! * inner} + ${start * inner}`, size * inner),
      );
      start += size;
    }
  }
  return {
    code: loopFunction(['for (int64_t row = begin; row < end; row++) {', ...indent(lines), '}']),
    table: context.table,
    range: outer,
    part: partLength(outer, Math.max(1, elementCount(shape) / outer), 1),
  };
}
