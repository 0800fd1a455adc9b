import { type TapRange, tapRanges, wholeOf } from '../axis-taps.js';
import { type Code, emit, spelled } from '../code.js';
import type { TapPlaces } from '../formula/gathers.js';
import { IndexStatements } from './index-statements.js';
import { floatLiteral, indent } from './text.js';

/** A loop over the places of a range, and what stands around it. */
function overRange(range: TapRange, variable: string, body: readonly Code[]): Code[] {
  const loop = [emit`for (int64_t ${variable} = ${range.from}; ${variable} < ${range.to}; ${variable}++) {`, ...indent(body), '}'];
  return range.when === undefined ? loop : [emit`if (${range.when}) {`, ...indent(loop), '}'];
}

/**
 * Loops over the places of an image that count for the result's pixel; `i` and `j` are the row and the column of a place. `body` gives the
 * statements for one, from how much it counts, a C float, where places do not count alike. Names start with the prefix.
 */
export function eachTap({ rows, columns }: TapPlaces, prefix: string, body: (weight: string | undefined) => readonly Code[]): Code[] {
  const outside = new IndexStatements(prefix);
  const [rowRanges, columnRanges] = [tapRanges(rows, 'pixel_y', outside), tapRanges(columns, 'pixel_x', outside)];
  const share = floatLiteral(1 / (wholeOf(rows) * wholeOf(columns)));
  const loops = rowRanges.flatMap((row) =>
    columnRanges.flatMap((column) => {
      const [ofRow, ofColumn] = [new IndexStatements('row_'), new IndexStatements('column_')];
      const [a, b] = [row.weight?.('i', ofRow), column.weight?.('j', ofColumn)];
      const term = body(a === undefined || b === undefined ? undefined : spelled(emit`(float)(${a} * ${b}) * ${share}`));
      return overRange(row, 'i', [...ofRow.statements, ...overRange(column, 'j', [...ofColumn.statements, ...term])]);
    }),
  );
  return [...outside.statements, ...loops];
}
