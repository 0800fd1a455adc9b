import type { Node } from '../../ir/types.js';
import { axisTaps } from '../../ops/index.js';
import { type TapRange, tapRanges, wholeOf } from '../axis-taps.js';
import type { IndexWriter } from '../copy-index.js';
import type { ElementValues } from './element-values.js';
import { indent, type KernelBuilder } from './kernel.js';
import { floatLiteral } from './literal.js';

/** Whole numbers in WGSL, declared by lines of `lines`. */
export function indexWriter(kernel: KernelBuilder, lines: string[]): IndexWriter {
  return {
    declare: (text) => {
      const name = kernel.name('at');
      lines.push(`let ${name} = ${text};`);
      return name;
    },
    select: (condition, yes, no) => `select(${no}, ${yes}, ${condition})`,
  };
}

function overRange(range: TapRange, variable: string, body: readonly string[]): string[] {
  const loop = [`for (var ${variable} = ${range.from}; ${variable} < ${range.to}; ${variable}++) {`, ...indent(body), '}'];
  return range.when === undefined ? loop : [`if (${range.when}) {`, ...indent(loop), '}'];
}

/** A sum over places of an image; `y` and `x` are the row and the column (i32) of the result, `address` gives the element of a place. */
export function sumOfTaps(
  locals: ElementValues,
  node: Node,
  { y, x }: { readonly y: string; readonly x: string },
  address: (i: string, j: string) => string,
): string {
  const { context, kernel } = locals;
  const input = node.inputs[0]!;
  const [rows, columns] = axisTaps(node, [context.type(input)])!;
  const outside = indexWriter(kernel, locals.lines);
  const [rowRanges, columnRanges] = [tapRanges(rows, y, outside), tapRanges(columns, x, outside)];
  const sum = kernel.name('sum');
  const share = floatLiteral(1 / (wholeOf(rows) * wholeOf(columns)));
  locals.lines.push(`var ${sum} = 0.0f;`);
  for (const row of rowRanges) {
    for (const column of columnRanges) {
      const [ofRow, ofColumn]: [string[], string[]] = [[], []];
      const a = row.weight?.('i', indexWriter(kernel, ofRow));
      const b = column.weight?.('j', indexWriter(kernel, ofColumn));
      const load = locals.loadAt(input, address('i', 'j'));
      const term = a === undefined || b === undefined ? load : `f32(${a} * ${b}) * ${share} * ${load}`;
      locals.lines.push(...overRange(row, 'i', [...ofRow, ...overRange(column, 'j', [...ofColumn, `${sum} += ${term};`])]));
    }
  }
  return sum;
}
