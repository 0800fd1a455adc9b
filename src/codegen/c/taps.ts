import type { Node } from '../../ir/types.js';
import { axisTaps } from '../../ops/index.js';
import { type TapRange, tapRanges, wholeOf } from '../axis-taps.js';
import type { Locals } from './expression.js';
import { IndexStatements } from './index-statements.js';
import { floatLiteral, indent } from './text.js';

/** A loop over the places of a range, and what stands around it. */
function overRange(range: TapRange, variable: string, body: readonly string[]): string[] {
  const loop = [`for (int64_t ${variable} = ${range.from}; ${variable} < ${range.to}; ${variable}++) {`, ...indent(body), '}'];
  return range.when === undefined ? loop : [`if (${range.when}) {`, ...indent(loop), '}'];
}

/**
 * A sum over places of an image, as a `vf` expression; `i` and `j` are the row and the column of a place. `at` makes the locals at an
 * element of the operand.
 */
export function sumOfTaps(locals: Locals, node: Node, at: (index: string) => Locals): string {
  const input = node.inputs[0]!;
  const type = locals.context.type(input);
  const [rows, columns] = axisTaps(node, [type])!;
  const [, height, width, channels] = type.shape as [number, number, number, number];
  const sum = `sum${locals.shared.size}${locals.suffix}`;
  locals.shared.set(`sum ${node.id}`, sum);
  const outside = new IndexStatements(`${sum}_`);
  const [rowRanges, columnRanges] = [tapRanges(rows, 'pixel_y', outside), tapRanges(columns, 'pixel_x', outside)];
  const inner = at(`(((batch * ${height} + i) * ${width} + j) * ${channels} + ${locals.at.channel})`);
  const value = inner.value(input);
  const share = floatLiteral(1 / (wholeOf(rows) * wholeOf(columns)));
  locals.statements.push(`vf ${sum} = vf_set(0.0f);`, ...outside.statements);
  for (const row of rowRanges) {
    for (const column of columnRanges) {
      const [ofRow, ofColumn] = [new IndexStatements('row_'), new IndexStatements('column_')];
      const [a, b] = [row.weight?.('i', ofRow), column.weight?.('j', ofColumn)];
      const weight = a === undefined || b === undefined ? undefined : `vf_set((float)(${a} * ${b}) * ${share})`;
      const term = [...ofColumn.statements, ...inner.statements, `${sum} += ${weight === undefined ? value : `${weight} * ${value}`};`];
      locals.statements.push(...overRange(row, 'i', [...ofRow.statements, ...overRange(column, 'j', term)]));
    }
  }
  return sum;
}
