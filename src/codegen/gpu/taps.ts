import { type TapRange, tapRanges, wholeOf } from '../axis-taps.js';
import { emit, spelled } from '../code.js';
import type { IndexWriter } from '../copy-index.js';
import type { TapPlaces } from '../formula/gathers.js';
import { BINDS, type Text } from '../formula/text.js';
import type { Pixel } from '../window.js';
import type { ElementValues } from './element-values.js';
import { indent, type Kernel } from './kernel.js';
import { floatLiteral } from './literal.js';

/** Whole numbers in WGSL, declared by lines of `lines`. */
export function indexWriter(kernel: Kernel, lines: string[]): IndexWriter {
  return {
    declare: (text) => {
      const name = kernel.name('at');
      lines.push(`let ${name} = ${spelled(text)};`);
      return name;
    },
    select: (condition, yes, no) => emit`select(${no}, ${yes}, ${condition})`,
  };
}

function overRange(range: TapRange, variable: string, body: readonly string[]): string[] {
  const [from, to] = [spelled(range.from), spelled(range.to)];
  const loop = [`for (var ${variable} = ${from}; ${variable} < ${to}; ${variable}++) {`, ...indent(body), '}'];
  return range.when === undefined ? loop : [`if (${spelled(range.when)}) {`, ...indent(loop), '}'];
}

/**
 * Loops over the places of an image that count for the result in row `y` and column `x` (i32); `i` and `j` are the row and the column of a
 * place. `body` gives the statements for one, from how much it counts, an f32, where places do not count alike.
 */
export function eachTap(
  { kernel, lines }: ElementValues,
  { rows, columns }: TapPlaces,
  { y, x }: Pixel<string>,
  body: (weight: Text | undefined) => readonly string[],
): string[] {
  const outside = indexWriter(kernel, lines);
  const [rowRanges, columnRanges] = [tapRanges(rows, y, outside), tapRanges(columns, x, outside)];
  const share = floatLiteral(1 / (wholeOf(rows) * wholeOf(columns)), kernel.helper);
  return rowRanges.flatMap((row) =>
    columnRanges.flatMap((column) => {
      const [ofRow, ofColumn]: [string[], string[]] = [[], []];
      const a = row.weight?.('i', indexWriter(kernel, ofRow));
      const b = column.weight?.('j', indexWriter(kernel, ofColumn));
      const weight =
        a === undefined || b === undefined ? undefined : { text: `f32(${spelled(a)} * ${spelled(b)}) * ${share}`, binds: BINDS.product };
      return overRange(row, 'i', [...ofRow, ...overRange(column, 'j', [...ofColumn, ...body(weight)])]);
    }),
  );
}
