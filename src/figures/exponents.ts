import { LIMITS } from '../numeric/formats.js';
import { type Figure, group, shortened, text } from './figure.js';
import { type Child, element, type Markup } from './markup.js';
import type { Colour } from './style.js';

/** How large the elements of some values are. */
export interface ExponentRow {
  readonly name: string;
  /** Pairs [e, elements with a magnitude in [2^e, 2^(e+1))]. */
  readonly exponents: readonly (readonly [exponent: number, elements: number])[];
  /** What is said behind the bars. */
  readonly says: string;
  readonly hint?: string;
}

/** Exponents that are drawn; what lies outside counts in the first or the last. */
const [LEAST, MOST] = [-48, 24];
const COLUMN = 5;
const ROW = 38;
const BARS = 26;
const TOP = 34;
const WORDS = 128;
const LONGEST_NAME = 22;

/** What becomes of a magnitude in f16, by the exponents where it begins; half of the smallest number and less becomes 0. */
const ZONES: readonly { readonly from: number; readonly name: string; readonly colour: Colour }[] = [
  { from: LEAST, name: 'becomes 0', colour: 'red' },
  { from: Math.log2(LIMITS.f16.smallestSubnormal) - 1, name: 'subnormal', colour: 'orange' },
  { from: Math.log2(LIMITS.f16.smallestNormal), name: 'normal', colour: 'blue' },
  { from: Math.ceil(Math.log2(LIMITS.f16.largest)), name: 'infinite', colour: 'purple' },
];

const xOf = (exponent: number): number => (exponent - LEAST) * COLUMN;

/** Heights are logarithmic: one element in a million is seen. */
function bars({ name, exponents }: ExponentRow): readonly Markup[] {
  const counts = new Map<number, number>();
  for (const [exponent, elements] of exponents) {
    const at = Math.max(LEAST, Math.min(MOST - 1, exponent));
    counts.set(at, (counts.get(at) ?? 0) + elements);
  }
  const most = Math.log1p([...counts.values()].reduce((high, count) => Math.max(high, count), 0));
  return [...counts].map(([exponent, elements]) => {
    const height = Math.max(2, (BARS * Math.log1p(elements)) / most);
    const { colour, name: zone } = ZONES.findLast(({ from }) => from <= exponent)!;
    const box = { x: xOf(exponent), y: BARS - height, width: COLUMN - 1, height, class: `fill-${colour}` };
    return element('rect', box, element('title', {}, `${name}: ${elements} of 2^${exponent} to 2^${exponent + 1}, ${zone}`));
  });
}

/** A histogram of exponents for each row, one below the other, over what f16 can hold; undefined without rows. */
export function exponentHistograms(title: string, rows: readonly ExponentRow[]): Figure | undefined {
  if (rows.length === 0) return undefined;
  const left = 14 + 7 * rows.reduce((longest, { name }) => Math.max(longest, shortened(name, LONGEST_NAME).length), 0);
  const height = rows.length * ROW;
  const limits = ZONES.flatMap(({ from, name }, index): readonly Child[] => {
    const end = ZONES[index + 1]?.from ?? MOST;
    const line = from === LEAST ? undefined : element('path', { d: `M${xOf(from)} -6V${height}`, class: 'grid' });
    return [line, text(xOf((from + end) / 2), -14, name, 'middle faint-text')];
  });
  const drawn = rows.map((row, index) =>
    group(0, index * ROW, [
      row.hint === undefined ? undefined : element('title', {}, row.hint),
      text(-8, BARS - 6, shortened(row.name, LONGEST_NAME), 'end'),
      ...bars(row),
      element('path', { d: `M0 ${BARS}H${xOf(MOST)}`, class: 'grid' }),
      text(xOf(MOST) + 8, BARS - 6, row.says, 'faint-text'),
    ]),
  );
  const ticks = [-40, -24, -14, 0, 16].map((exponent) => text(xOf(exponent), height + 10, `2^${exponent}`, 'middle faint-text'));
  return {
    title,
    width: left + xOf(MOST) + WORDS,
    height: TOP + height + 18,
    content: group(left, TOP, [...limits, ...drawn, ...ticks]),
  };
}
