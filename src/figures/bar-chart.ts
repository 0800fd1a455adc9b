import { scaleLinear } from 'd3-scale';
import { type Figure, group, shortened, text } from './figure.js';
import { element } from './markup.js';
import type { Colour } from './style.js';

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly colour: Colour;
  /** What is said of it beyond its number. */
  readonly hint?: string;
}

const WIDTH = 560;
const ROW = 22;
/** Room for the numbers behind the bars. */
const NUMBERS = 90;
const LONGEST_NAME = 28;

/** Bars from the left, one below the other; undefined without any that is above 0. */
export function barChart(title: string, bars: readonly Bar[], format: (value: number) => string): Figure | undefined {
  const most = bars.reduce((high, { value }) => Math.max(high, value), 0);
  if (most === 0) return undefined;
  const left = 14 + 7 * bars.reduce((longest, { name }) => Math.max(longest, shortened(name, LONGEST_NAME).length), 0);
  const x = scaleLinear([0, most], [0, WIDTH - left - NUMBERS]);
  const rows = bars.map(({ name, value, colour, hint }, index) =>
    group(left, index * ROW + 6, [
      element('title', {}, [name, format(value), hint].filter((part) => part !== undefined).join(': ')),
      text(-8, 12, shortened(name, LONGEST_NAME), 'end'),
      element('rect', { x: 0, y: 0, width: Math.max(1, x(value)), height: ROW - 6, rx: 2, class: `fill-${colour}` }),
      text(Math.max(1, x(value)) + 6, 12, format(value), 'faint-text'),
    ]),
  );
  return { title, width: WIDTH, height: bars.length * ROW + 12, content: group(0, 0, rows) };
}
