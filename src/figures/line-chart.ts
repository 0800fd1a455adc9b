import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import { type Figure, group, text } from './figure.js';
import { type Child, element, type Markup } from './markup.js';
import { SERIES } from './style.js';

export type Point = readonly [x: number, y: number];

export interface Series {
  readonly name: string;
  /** By rising x. Those that are not finite are gaps. */
  readonly points: readonly Point[];
  /** Which colour; series that belong together have one. */
  readonly colour: number;
  /** Drawn thin and pale, as what a stronger one sums up. */
  readonly isFaint?: boolean;
  /** As steps: each value holds until the next. */
  readonly isStepped?: boolean;
  /** Each point is drawn, and tells its value. */
  readonly isDotted?: boolean;
}

export interface LineChart {
  readonly title: string;
  readonly x: string;
  readonly series: readonly Series[];
  /** Whether equal ratios are equal distances upwards. */
  readonly isLog?: boolean;
  /** How numbers on the left are written. */
  readonly format?: (value: number) => string;
  /** Moments that are marked along the bottom, with what happened. */
  readonly marks?: readonly { readonly x: number; readonly what: string }[];
}

const WIDTH = 560;
const HEIGHT = 300;
const LEFT = 62;
const RIGHT = 14;
const BOTTOM = 40;
const LEGEND = 20;
/** More points than the figure has columns cannot be seen. */
const MOST_POINTS = 600;

/** The lowest and the highest point of each of so many equal parts, so that peaks stay. */
function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  const size = points.length / (MOST_POINTS / 2);
  return Array.from({ length: MOST_POINTS / 2 }, (_, part) => {
    const own = points.slice(Math.floor(part * size), Math.floor((part + 1) * size));
    const rank = (y: number) => (Number.isFinite(y) ? y : Number.POSITIVE_INFINITY);
    const low = own.reduce((best, point) => (rank(point[1]) < rank(best[1]) ? point : best));
    const high = own.reduce((best, point) => (rank(point[1]) > rank(best[1]) ? point : best));
    return low[0] <= high[0] ? [low, high] : [high, low];
  }).flat();
}

function asSteps(points: readonly Point[]): readonly Point[] {
  return points.flatMap((point, index): readonly Point[] => (index === 0 ? [point] : [[point[0], points[index - 1]![1]], point]));
}

export function formatNumber(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e8) return String(value);
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace(/\.0e/, 'e').replace('e+', 'e');
  return String(Number(value.toPrecision(4)));
}

/** Numbers along an axis as texts: with as many digits as tell them apart. */
function labelled(ticks: readonly number[], format: (value: number) => string): readonly (readonly [number, string])[] {
  const short = ticks.map(format);
  const isClear = new Set(short).size === short.length;
  return ticks.map((tick, index) => [tick, isClear ? short[index]! : String(Number(tick.toPrecision(8)))]);
}

interface Scale {
  (value: number): number;
  ticks(count: number): number[];
  domain(): number[];
}

function verticalScale(values: readonly number[], isLog: boolean, height: number): Scale {
  let low = Math.min(...values);
  let high = Math.max(...values);
  if (low === high)
    [low, high] = isLog ? [low / 2, high * 2] : [low - Math.max(1e-9, Math.abs(low) * 0.1), high + Math.max(1e-9, Math.abs(high) * 0.1)];
  return isLog ? scaleLog([low, high], [height, 0]).base(2).nice() : scaleLinear([low, high], [height, 0]).nice();
}

function legend(series: readonly Series[], width: number): { readonly markup: readonly Child[]; readonly rows: number } {
  let x = 0;
  let row = 0;
  const markup = series.flatMap((one): readonly Child[] => {
    const needed = 34 + one.name.length * 6.6;
    if (x > 0 && x + needed > width) {
      x = 0;
      row += 1;
    }
    const at = x;
    x += needed;
    const swatch = element('line', { x1: at, x2: at + 16, y1: row * LEGEND - 4, y2: row * LEGEND - 4, class: curveClass(one) });
    return [swatch, text(at + 21, row * LEGEND, one.name)];
  });
  return { markup, rows: row + 1 };
}

function curveClass({ colour, isFaint }: Series): string {
  const dashed = Math.floor(colour / SERIES.length) % 2 === 1 ? ' dashed' : '';
  return `curve stroke-${SERIES[colour % SERIES.length]}${isFaint ? ' thin' : ''}${dashed}`;
}

function drawSeries(series: Series, x: Scale, y: Scale, describe: (value: number) => string): Markup {
  const points = series.isStepped ? asSteps(thinned(series.points)) : thinned(series.points);
  const draw = line<Point>()
    .x((point) => x(point[0]))
    .y((point) => y(point[1]))
    .defined((point) => Number.isFinite(y(point[1])))
    .digits(2);
  const dots = !series.isDotted ? [] : points.filter(([, value]) => Number.isFinite(y(value)));
  const fill = `fill-${SERIES[series.colour % SERIES.length]}`;
  return element(
    'g',
    {},
    element('path', { class: curveClass(series), d: draw(points) ?? '' }),
    ...dots.map(([at, value]) => {
      const hint = element('title', {}, `${series.name}: ${describe(value)} at ${formatNumber(at)}`);
      return element('circle', { cx: x(at), cy: y(value), r: 3, class: fill }, hint);
    }),
  );
}

/** Curves over a common x; undefined where no series has a point that can be drawn. */
export function lineChart({ title, x: xName, series, isLog = false, format = formatNumber, marks = [] }: LineChart): Figure | undefined {
  const drawable = ([, value]: Point) => Number.isFinite(value) && (!isLog || value > 0);
  const drawn = series.filter(({ points }) => points.some(drawable));
  if (drawn.length === 0) return undefined;
  const points = drawn.flatMap((one) => one.points.filter(drawable));
  const width = WIDTH - LEFT - RIGHT;
  const keys = legend(drawn, width);
  const top = 10 + keys.rows * LEGEND;
  const height = HEIGHT - BOTTOM - 30;
  const xs = [...points.map((point) => point[0]), ...marks.map((mark) => mark.x)];
  const [first, last] = [xs.reduce((a, b) => Math.min(a, b)), xs.reduce((a, b) => Math.max(a, b))];
  const x: Scale = scaleLinear(first === last ? [0, first > 0 ? 2 * first : 1] : [first, last], [0, width]);
  const y = verticalScale(
    [
      points.reduce((a, p) => Math.min(a, p[1]), Number.POSITIVE_INFINITY),
      points.reduce((a, p) => Math.max(a, p[1]), Number.NEGATIVE_INFINITY),
    ],
    isLog,
    height,
  );
  const across = labelled(y.ticks(5), format).map(([tick, name]) =>
    group(0, y(tick), [element('path', { d: `M0 0H${width}`, class: 'grid' }), text(-8, 4, name, 'end faint-text')]),
  );
  const below = labelled(x.ticks(6), formatNumber).map(([tick, name]) => text(x(tick), height + 18, name, 'middle faint-text'));
  const marked = marks.map((mark) =>
    element('path', { d: `M${x(mark.x).toFixed(1)} ${height}v-7`, class: 'stroke-red' }, element('title', {}, mark.what)),
  );
  return {
    title,
    width: WIDTH,
    height: top + height + BOTTOM,
    content: group(LEFT, top, [
      group(0, 10 - top + 6, keys.markup),
      ...across,
      ...below,
      text(width / 2, height + 34, xName, 'middle faint-text'),
      ...drawn.map((one) => drawSeries(one, x, y, format)),
      ...marked,
    ]),
  };
}
