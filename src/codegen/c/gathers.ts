import { isConstant } from '../../ir/structure.js';
import { assertNever, elementCount, type Node, type ValueId } from '../../ir/types.js';
import { isOfKind } from '../../ops/index.js';
import type { AxesSizes } from '../../ops/reductions.js';
import { type Code, emit, fixed } from '../code.js';
import type { Expression, F32 } from '../formula/expression.js';
import { FEW, FOUND, type Found, GATHERS, PLACE, TAP, WEIGHT } from '../formula/gathers.js';
import { Writer } from '../formula/render.js';
import { atom } from '../formula/text.js';
import { type Extremes, holders, imageOf, placeInWindow, type Window, windowPixel } from '../window.js';
import { Locals } from './expression.js';
import { asNumber } from './formats.js';
import { leavesAt } from './leaves.js';
import { C_RENDERER } from './render.js';
import { eachTap } from './taps.js';
import { indent } from './text.js';

/** Local values at another pixel of an operand, in a block of its own. */
function localsAt(locals: Locals, index: Code): Locals {
  return new Locals(locals.context, { ...locals.at, index }, { ...locals.options, suffix: `${locals.suffix}g` });
}

/** A term at a place, whose operands are those of some locals; `names`: what it calls by name. */
export function termAt(locals: Locals, node: Node, term: F32, ...names: readonly (readonly [Expression, string])[]): string {
  const writer = new Writer(C_RENDERER, { ...leavesAt(locals, node), operand: (index) => locals.value(node.inputs[index]!) });
  for (const [value, text] of names) writer.set(value, atom(text));
  return writer.at(term, 'element').text;
}

/** Statements with the term at a place, of which `take` makes one. */
type Take = (term: string) => readonly Code[];

/** For every pixel of the window that the result's pixel sees, or for some; `tap` numbers it. */
function eachOfWindow(locals: Locals, node: Node, window: Window, term: F32, take: Take, from: Code, to: Code): Code[] {
  const image = imageOf(locals.context.type(node.inputs[0]!).shape);
  const { y, x, outside } = windowPixel(window, image, 'tap', { y: 'pixel_y', x: 'pixel_x' });
  const inner = localsAt(locals, emit`(((batch * ${image.height} + y) * ${image.width} + x) * ${image.channels} + ${locals.at.channel})`);
  const value = termAt(inner, node, term, [TAP, '(float)tap']);
  return [
    emit`for (int tap = ${from}; tap < ${to}; tap++) {`,
    emit`  const int64_t y = ${y}, x = ${x};`,
    ...(outside === undefined ? [] : [emit`  if (${outside}) continue;`]),
    ...indent([...inner.statements, ...take(value)]),
    '}',
  ];
}

/** For every pixel of the image, or for some. */
function eachPixel(locals: Locals, node: Node, term: F32, take: Take, from: Code, to: Code): Code[] {
  const { height, width, channels } = imageOf(locals.context.type(node.inputs[0]!).shape);
  const inner = localsAt(locals, emit`((batch * ${height * width} + pixel) * ${channels} + ${locals.at.channel})`);
  const value = termAt(inner, node, term);
  return [emit`for (int64_t pixel = ${from}; pixel < ${to}; pixel++) {`, ...indent([...inner.statements, ...take(value)]), '}'];
}

const EXTREMES: Extremes = { larger: (a, b) => emit`max64(${a}, ${b})`, smaller: (a, b) => emit`min64(${a}, ${b})` };

/** Adds to `sum` the results whose window holds the pixel; `i` and `j` are a result's row and column, `tap` the pixel's place there. */
function addHolders(locals: Locals, node: Node, window: Window, term: F32, sum: string): Code[] {
  const pooled = imageOf(locals.context.type(node.inputs[0]!).shape);
  const inner = localsAt(
    locals,
    emit`(((batch * ${pooled.height} + i) * ${pooled.width} + j) * ${pooled.channels} + ${locals.at.channel})`,
  );
  const value = termAt(inner, node, term, [TAP, '(float)tap']);
  const place = { y: 'y', x: 'x' };
  const start = [emit`const int tap = (int)(${placeInWindow(window, place)});`, '(void)tap;', ...inner.statements];
  const found = holders(window, pooled, place, EXTREMES);
  return [
    '{',
    emit`  const int64_t y = pixel_y + ${window.top}, x = pixel_x + ${window.left};`,
    ...('only' in found
      ? [
          emit`  const int64_t i = ${found.only.y}, j = ${found.only.x};`,
          emit`  if (${found.when}) {`,
          ...indent([...start, `${sum} += ${value};`], 2),
          '  }',
        ]
      : [
          emit`  for (int64_t i = ${found.rows.from}; i < ${found.rows.to}; i++) {`,
          `    vf row_${sum} = vf_set(0.0f);`,
          emit`    for (int64_t j = ${found.columns.from}; j < ${found.columns.to}; j++) {`,
          ...indent([...start, `row_${sum} += ${value};`], 3),
          '    }',
          `    ${sum} += row_${sum};`,
          '  }',
        ]),
    '}',
  ];
}

/** What was found, as `vf` expressions. */
interface FoundValues {
  readonly value: string;
  readonly place?: string;
}

/** Maximum of the window and its first place. */
function firstLargest(
  locals: Locals,
  node: Node,
  { over: { window }, term }: Extract<Found, { by: 'first_largest' }>,
  number: number,
): FoundValues {
  const { rows, columns, strideY, strideX, top, left, inside } = window;
  const [best, place] = [`best${number}${locals.suffix}`, `place${number}${locals.suffix}`];
  const first = inside
    ? '0.0f'
    : emit`(float)(max64(0, ${top} - pixel_y * ${strideY}) * ${columns} + max64(0, ${left} - pixel_x * ${strideX}))`;
  const take: Take = (value) => [
    `const vi better = ~(${value} <= ${best}) & (${best} == ${best});`,
    `${best} = vf_select(better, ${value}, ${best});`,
    `${place} = vf_select(better, vf_set((float)tap), ${place});`,
  ];
  locals.statements.push(
    emit`vf ${best} = vf_set(-INFINITY), ${place} = vf_set(${first});`,
    ...eachOfWindow(locals, node, window, term, take, '0', emit`${rows * columns}`),
    `(void)${place};`,
  );
  return { value: best, place };
}

function shortSum(locals: Locals, node: Node, { over, term }: Extract<Found, { by: 'sum' }>, sum: string): FoundValues {
  const add: Take = (value) => [`${sum} += ${value};`];
  const lines = (): readonly Code[] => {
    switch (over.kind) {
      case 'window':
        return eachOfWindow(locals, node, over.window, term, add, '0', emit`${over.window.rows * over.window.columns}`);
      case 'holders':
        return addHolders(locals, node, over.window, term, sum);
      case 'taps': {
        const { height, width, channels } = imageOf(locals.context.type(node.inputs[0]!).shape);
        const inner = localsAt(locals, emit`(((batch * ${height} + i) * ${width} + j) * ${channels} + ${locals.at.channel})`);
        return eachTap(over, `${sum}_`, (weight) => {
          const value = termAt(inner, node, term, ...(weight === undefined ? [] : [[WEIGHT, weight] as const]));
          return [...inner.statements, ...add(value)];
        });
      }
      default:
        return assertNever(over);
    }
  };
  locals.statements.push(`vf ${sum} = vf_set(0.0f);`, ...lines());
  return { value: sum };
}

/** Beyond a few terms, the sums of blocks of so many are added in double. */
function longSum(locals: Locals, node: Node, { over, term }: Extract<Found, { by: 'long_sum' }>, sum: string): FoundValues {
  const image = imageOf(locals.context.type(node.inputs[0]!).shape);
  const count = over.kind === 'window' ? over.window.rows * over.window.columns : image.height * image.width;
  const add: Take = (value) => [`${sum} += ${value};`];
  const each = (from: Code, to: Code) =>
    over.kind === 'window' ? eachOfWindow(locals, node, over.window, term, add, from, to) : eachPixel(locals, node, term, add, from, to);
  if (count <= FEW) {
    locals.statements.push(`vf ${sum} = vf_set(0.0f);`, ...each('0', emit`${count}`));
    return { value: sum };
  }
  locals.statements.push(
    `vw total_${sum} = {{0}};`,
    emit`for (int from = 0; from < ${count}; from += ${FEW}) {`,
    emit`  const int to = from + ${FEW} < ${count} ? from + ${FEW} : ${count};`,
    ...indent([`vf ${sum} = vf_set(0.0f);`, ...each('from', 'to'), `total_${sum} = vw_add(total_${sum}, ${sum});`]),
    '}',
  );
  return { value: `vw_round(total_${sum})` };
}

/** Once for all ops of the group that ask for the same. */
function find(locals: Locals, node: Node, found: Found): FoundValues {
  const key = `found ${node.inputs.join()} ${JSON.stringify(found)}`;
  const [value, place] = locals.shared.get(key) ?? [];
  if (value !== undefined) return { value, ...(place !== undefined && { place }) };
  const number = locals.shared.size;
  const sum = `sum${number}${locals.suffix}`;
  const made = (): FoundValues => {
    switch (found.by) {
      case 'first_largest':
        return firstLargest(locals, node, found, number);
      case 'sum':
        return shortSum(locals, node, found, sum);
      case 'long_sum':
        return longSum(locals, node, found, sum);
      default:
        return assertNever(found);
    }
  };
  const values = made();
  locals.shared.set(key, Object.values(values));
  return values;
}

/** Operand `index`, which has a number for each place along the axes that it is not without, where the result's lanes are. */
function withoutAxes(locals: Locals, node: Node, index: number, { length, inner }: AxesSizes): string {
  const { context } = locals;
  const channels = node.type.shape.at(-1)!;
  const input = node.inputs[index]!;
  if (inner % channels === 0) {
    const rows = inner / channels;
    const row = rows === 1 ? `row / ${length}` : emit`(row / ${fixed(length * rows)} * ${rows} + row % ${fixed(rows)})`;
    const there = localsAt(locals, emit`(${row} * ${channels} + ${locals.at.channel})`);
    const value = there.load(input);
    const name = `along${index}_${locals.shared.size}${locals.suffix}`;
    locals.shared.set(`along ${node.id} ${index}`, [name]);
    locals.statements.push(`vf ${name};`, '{', ...indent([...there.statements, `${name} = ${value};`]), '}');
    return name;
  }
  if (isConstant(context.node(input))) return locals.load(input);
  return locals.temporary(`vf_set(${asNumber(context.type(input).dtype, `${context.pointer(input)}[row / ${length / channels}]`)})`);
}

/** Computes an op that reads its operands at other pixels; the loop must run over the op's own shape. */
export function gather(locals: Locals, id: ValueId): Code | undefined {
  const { context } = locals;
  const node = context.node(id);
  if (!isOfKind(node.op, 'pool')) return undefined;
  const types = node.inputs.map((input) => context.type(input));
  const rule = GATHERS[node.op](node, types);
  const isWhole = (index: number) => elementCount(types[index]!.shape) === elementCount(node.type.shape);
  const operand = (index: number) => {
    if ('found' in rule) throw new Error(`${node.op} reads operand ${index} where its result is`);
    return isWhole(index) ? locals.value(node.inputs[index]!) : withoutAxes(locals, node, index, rule.without);
  };
  const writer = new Writer(C_RENDERER, { ...leavesAt(locals, node), operand });
  if ('found' in rule) {
    const { value, place } = find(locals, node, rule.found);
    writer.set(FOUND, atom(value));
    if (place !== undefined) writer.set(PLACE, atom(place));
  }
  return writer.at(rule.result, 'element').text;
}
