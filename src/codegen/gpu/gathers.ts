import { assertNever, type Node, type ValueId } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import type { AxesSizes } from '../../ops/reductions.js';
import { emit, spelled } from '../code.js';
import type { Expression, F32 } from '../formula/expression.js';
import { FOUND, type Found, GATHERS, PLACE, TAP, WEIGHT } from '../formula/gathers.js';
import { Writer } from '../formula/render.js';
import { atom, type Text } from '../formula/text.js';
import { type Extremes, holders, type Image, imageOf, type Pixel, placeInWindow, type Window, windowPixel } from '../window.js';
import type { ElementValues } from './element-values.js';
import { indent, type Kernel } from './kernel.js';
import { leavesAt } from './leaves.js';
import { eachTap } from './taps.js';

/** Batch, row, column (i32, for window arithmetic) and channel of an element of an image. */
function pixel(locals: ElementValues, { height, width, channels }: Image): Pixel<string> & { readonly batch: string; readonly c: string } {
  const c = locals.channel(channels);
  const key = `${height}x${width}x${channels}`;
  const row = locals.once(`pixel ${key}`, () => `(${locals.at.index}) / ${channels}u`);
  return {
    batch: locals.once(`batch ${key}`, () => `${row} / ${height * width}u`),
    y: locals.once(`y ${key}`, () => `i32(${row} / ${width}u % ${height}u)`),
    x: locals.once(`x ${key}`, () => `i32(${row} % ${width}u)`),
    c,
  };
}

function address({ height, width, channels }: Image, batch: string, { y, x }: Pixel<string>, c: string): string {
  return `((${batch} * ${height}u + u32(${y})) * ${width}u + u32(${x})) * ${channels}u + ${c}`;
}

/** A term at another element of the operands in memory; `names`: what it calls by name. */
function termAt(locals: ElementValues, node: Node, term: F32, at: string, ...names: readonly (readonly [Expression, Text])[]): string {
  const operand = (index: number) => locals.loadAt(node.inputs[index]!, at);
  const writer = new Writer(locals.kernel.renderer, { ...leavesAt(locals, node), operand });
  for (const [value, text] of names) writer.set(value, text);
  return writer.at(term, 'element').text;
}

/** Statements with the term at a place, of which `take` makes one. */
type Take = (term: string) => readonly string[];

const tap = [TAP, atom('f32(tap)')] as const;

/** For every pixel of the window that the result's pixel sees; `tap` numbers them. */
function eachOfWindow(locals: ElementValues, node: Node, window: Window, term: F32, take: Take): string[] {
  const image = imageOf(locals.context.type(node.inputs[0]!).shape);
  const { batch, c, ...result } = pixel(locals, imageOf(node.type.shape));
  const { y, x, outside } = windowPixel(window, image, 'tap', result);
  const value = termAt(locals, node, term, address(image, batch, { y: 'y', x: 'x' }, c), tap);
  return [
    `for (var tap = 0; tap < ${window.rows * window.columns}; tap++) {`,
    `  let y = ${spelled(y)};`,
    `  let x = ${spelled(x)};`,
    ...(outside === undefined ? [] : [`  if (${spelled(outside)}) { continue; }`]),
    ...indent(take(value)),
    '}',
  ];
}

/** For every pixel of the image. */
function eachPixel(locals: ElementValues, node: Node, term: F32, take: Take): string[] {
  const { height, width, channels } = imageOf(locals.context.type(node.inputs[0]!).shape);
  const c = locals.channel(channels);
  const batch = locals.let(`(${locals.at.index}) / ${channels}u`);
  const value = termAt(locals, node, term, `(${batch} * ${height * width}u + p) * ${channels}u + ${c}`);
  return [`for (var p = 0u; p < ${height * width}u; p++) {`, ...indent(take(value)), '}'];
}

const EXTREMES: Extremes = { larger: (a, b) => emit`max(${a}, ${b})`, smaller: (a, b) => emit`min(${a}, ${b})` };

/** Adds to `sum` the results whose window holds the element's pixel, each row by itself first; `tap` is the pixel's place in the window. */
function addHolders(locals: ElementValues, node: Node, window: Window, term: F32, sum: string): string[] {
  const pooled = imageOf(locals.context.type(node.inputs[0]!).shape);
  const { batch, y, x, c } = pixel(locals, imageOf(node.type.shape));
  const place = { y: locals.let(`${y} + ${window.top}`), x: locals.let(`${x} + ${window.left}`) };
  const value = termAt(locals, node, term, 'at', tap);
  const addTo = (total: string) => [
    `let tap = ${spelled(placeInWindow(window, place))};`,
    `let at = ${address(pooled, batch, { y: 'i', x: 'j' }, c)};`,
    `${total} += ${value};`,
  ];
  const found = holders(window, pooled, place, EXTREMES);
  if ('only' in found) {
    const { only, when } = found;
    return [
      '{',
      `  let i = ${spelled(only.y)};`,
      `  let j = ${spelled(only.x)};`,
      `  if (${spelled(when)}) {`,
      ...indent(addTo(sum), 2),
      '  }',
      '}',
    ];
  }
  const { rows, columns } = found;
  return [
    `for (var i = ${spelled(rows.from)}; i < ${spelled(rows.to)}; i++) {`,
    `  var row_${sum} = 0.0f;`,
    `  for (var j = ${spelled(columns.from)}; j < ${spelled(columns.to)}; j++) {`,
    ...indent(addTo(`row_${sum}`), 2),
    '  }',
    `  ${sum} += row_${sum};`,
    '}',
  ];
}

/** Statements that put a value into `best` and its position into `best_at` when it is larger, or the first. */
export function takeLarger({ helper }: Kernel, best: string, load: string, tap: string): string[] {
  const isNan = (value: string) => `${helper('is_nan')}(${value})`;
  return [
    '{',
    `  let candidate = ${load};`,
    `  if (${best}_at < 0 || (!${isNan(best)} && (candidate > ${best} || ${isNan('candidate')}))) {`,
    `    ${best} = candidate;`,
    `    ${best}_at = ${tap};`,
    '  }',
    '}',
  ];
}

/** Where what is found stands. */
interface FoundValues {
  readonly value: Text;
  readonly place?: Text;
}

/** Once for all ops that ask for the same. */
function find(locals: ElementValues, node: Node, found: Found): FoundValues {
  const { lines, kernel } = locals;
  const { by, over, term } = found;
  switch (by) {
    case 'first_largest': {
      const key = `found ${node.inputs.join()} ${JSON.stringify(found)}`;
      const best = locals.shared.get(key) ?? kernel.name('best');
      if (!locals.shared.has(key)) {
        lines.push(`var ${best} = 0.0f;`, `var ${best}_at = -1;`);
        lines.push(...eachOfWindow(locals, node, over.window, term, (value) => takeLarger(kernel, best, value, 'tap')));
        locals.shared.set(key, best);
      }
      return { value: atom(best), place: atom(`f32(${best}_at)`) };
    }
    case 'sum': {
      const sum = kernel.name('sum');
      lines.push(`var ${sum} = 0.0f;`);
      lines.push(...shortSum(locals, node, found, sum));
      return { value: atom(sum) };
    }
    case 'long_sum': {
      const sum = kernel.name('sum');
      lines.push(`var ${sum} = vec2f();`);
      const add: Take = (value) => [`${sum} = ${kernel.helper('add_term')}(${sum}, ${value});`];
      const each = over.kind === 'window' ? eachOfWindow(locals, node, over.window, term, add) : eachPixel(locals, node, term, add);
      lines.push(...each);
      return { value: atom(`${kernel.helper('sum_of')}(${sum})`) };
    }
    default:
      return assertNever(by);
  }
}

function shortSum(locals: ElementValues, node: Node, { over, term }: Extract<Found, { by: 'sum' }>, sum: string): string[] {
  const add: Take = (value) => [`${sum} += ${value};`];
  switch (over.kind) {
    case 'window':
      return eachOfWindow(locals, node, over.window, term, add);
    case 'holders':
      return addHolders(locals, node, over.window, term, sum);
    case 'taps': {
      const image = imageOf(locals.context.type(node.inputs[0]!).shape);
      const { batch, y, x, c } = pixel(locals, imageOf(node.type.shape));
      const at = address(image, batch, { y: 'i', x: 'j' }, c);
      return eachTap(locals, over, { y, x }, (weight) =>
        add(termAt(locals, node, term, at, ...(weight === undefined ? [] : [[WEIGHT, weight] as const]))),
      );
    }
    default:
      return assertNever(over);
  }
}

/** An operand, which has a number for each place along the axes that it is not without, at the element. */
function withoutAxes(locals: ElementValues, input: ValueId, { length, inner }: AxesSizes): string {
  const i = `(${locals.at.index})`;
  const place = inner === 1 ? `${i} / ${length}u` : `${i} / ${length * inner}u * ${inner}u + ${i} % ${inner}u`;
  return locals.loadAt(input, place);
}

/** The expression of an op that reads its operands, which are in memory, at other elements than its own. */
export function gatheredElement(locals: ElementValues, node: Node, op: OpOfKind<'pool'>): string {
  const { context } = locals;
  const types = node.inputs.map((input) => context.type(input));
  const rule = GATHERS[op](node, types);
  const operand = (index: number): string => {
    const input = node.inputs[index]!;
    if ('found' in rule) throw new Error(`${op} reads operand ${index} where its result is`);
    if (context.count(input) === context.count(node.id)) return locals.loadAt(input, locals.at.index);
    return withoutAxes(locals, input, rule.without);
  };
  const writer = new Writer(locals.kernel.renderer, { ...leavesAt(locals, node), operand });
  if ('found' in rule) {
    const { value, place } = find(locals, node, rule.found);
    writer.set(FOUND, value);
    if (place !== undefined) writer.set(PLACE, place);
  }
  return writer.at(rule.result, 'element').text;
}
