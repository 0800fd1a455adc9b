import type { Node, ValueId } from '../../ir/types.js';
import { numbersAttr } from '../../ir/types.js';
import { isOfKind, type OpOfKind } from '../../ops/index.js';
import { axesSizes } from '../../ops/reductions.js';
import { Locals } from './expression.js';
import { asNumber } from './formats.js';
import { sumOfTaps } from './taps.js';
import { indent } from './text.js';
import { imageOf, windowOf } from './window-geometry.js';

/** Local values at another pixel of an operand, in a block of its own. */
function localsAt(locals: Locals, index: string): Locals {
  return new Locals(locals.context, { ...locals.at, index }, { ...locals.options, suffix: `${locals.suffix}g` });
}

/** Numbers of a window that are summed in f32 before their sum is added to one in double. */
const BLOCK = 64;

/**
 * A sum over `count` numbers, as a `vf` expression: `each` gives the statements that take the numbers from C expression `from` up to `to`
 * and apply `add` to each. Beyond a block, the sums of blocks are added in double.
 */
function blockedSum(
  locals: Locals,
  id: ValueId,
  count: number,
  each: (from: string, to: string, add: (value: string) => string) => readonly string[],
): string {
  const sum = `sum${locals.shared.size}${locals.suffix}`;
  locals.shared.set(`sum ${id}`, sum);
  const add = (value: string) => `${sum} += ${value};`;
  if (count <= BLOCK) {
    locals.statements.push(`vf ${sum} = vf_set(0.0f);`, ...each('0', String(count), add));
    return sum;
  }
  locals.statements.push(
    `vw total_${sum} = {{0}};`,
    `for (int from = 0; from < ${count}; from += ${BLOCK}) {`,
    `  const int to = from + ${BLOCK} < ${count} ? from + ${BLOCK} : ${count};`,
    ...indent([`vf ${sum} = vf_set(0.0f);`, ...each('from', 'to', add), `total_${sum} = vw_add(total_${sum}, ${sum});`]),
    '}',
  );
  return `vw_round(total_${sum})`;
}

/** Statements for every pixel of the window that the result's pixel sees, or for some; `tap` numbers it. */
function eachTap(locals: Locals, node: Node, body: (inner: Locals) => readonly string[], from = '0', to?: string): string[] {
  const { rows, columns, strideY, strideX, padding, inside } = windowOf(node);
  const [height, width, channels] = imageOf(locals.context, node.inputs[0]!);
  const [top, , left] = padding as [number, number, number];
  const inner = localsAt(locals, `(((batch * ${height} + y) * ${width} + x) * ${channels} + ${locals.at.channel})`);
  const statements = body(inner);
  return [
    `for (int tap = ${from}; tap < ${to ?? rows * columns}; tap++) {`,
    `  const int64_t y = pixel_y * ${strideY} + tap / ${columns} - ${top}, x = pixel_x * ${strideX} + tap % ${columns} - ${left};`,
    ...(inside ? [] : [`  if (y < 0 || y >= ${height} || x < 0 || x >= ${width}) continue;`]),
    ...indent([...inner.statements, ...statements]),
    '}',
  ];
}

/** Maximum of the window and its first position, as a pair of variables that the value and its index share. */
function maxPool(locals: Locals, id: ValueId): { best: string; place: string } {
  const node = locals.context.node(id);
  const key = `max ${node.inputs[0]} ${JSON.stringify(node.attrs)}`;
  const known = locals.shared.get(key);
  const number = known ?? String(locals.shared.size);
  const names = { best: `best${number}${locals.suffix}`, place: `place${number}${locals.suffix}` };
  if (known !== undefined) return names;
  locals.shared.set(key, number);
  const { padding, columns, strideY, strideX, inside } = windowOf(node);
  const [top, , left] = padding as [number, number, number];
  const first = inside
    ? '0.0f'
    : `(float)(max64(0, ${top} - pixel_y * ${strideY}) * ${columns} + max64(0, ${left} - pixel_x * ${strideX}))`;
  locals.statements.push(
    `vf ${names.best} = vf_set(-INFINITY), ${names.place} = vf_set(${first});`,
    ...eachTap(locals, node, (inner) => {
      const value = inner.value(node.inputs[0]!);
      return [
        `const vi better = ~(${value} <= ${names.best}) & (${names.best} == ${names.best});`,
        `${names.best} = vf_select(better, ${value}, ${names.best});`,
        `${names.place} = vf_select(better, vf_set((float)tap), ${names.place});`,
      ];
    }),
    `(void)${names.place};`,
  );
  return names;
}

/**
 * A sum over the results whose window holds the pixel; `i` and `j` are the result's row and column, `tap` the pixel's place in its window.
 */
function sumOverResults(locals: Locals, node: Node, term: (inner: Locals) => string): string {
  const { rows, columns, strideY, strideX, padding, tiled } = windowOf(node);
  const [top, , left] = padding as [number, number, number];
  const [height, width, channels] = imageOf(locals.context, node.inputs[0]!);
  const sum = `sum${locals.shared.size}${locals.suffix}`;
  locals.shared.set(`sum ${node.id}`, sum);
  const inner = localsAt(locals, `(((batch * ${height} + i) * ${width} + j) * ${channels} + ${locals.at.channel})`);
  const value = term(inner);
  const tap = `const int tap = (int)((y - i * ${strideY}) * ${columns} + x - j * ${strideX});`;
  const start = [tap, '(void)tap;', ...inner.statements];
  const exact = tiled && rows === strideY && columns === strideX;
  locals.statements.push(
    `vf ${sum} = vf_set(0.0f);`,
    '{',
    `  const int64_t y = pixel_y + ${top}, x = pixel_x + ${left};`,
    ...(exact
      ? [
          `  const int64_t i = y / ${strideY}, j = x / ${strideX};`,
          `  if (i < ${height} && j < ${width}) {`,
          ...indent([...start, `${sum} += ${value};`], 2),
          '  }',
        ]
      : [
          `  for (int64_t i = max64(0, (y - ${rows} + ${strideY}) / ${strideY}); i < min64(${height}, y / ${strideY} + 1); i++) {`,
          `    vf row_${sum} = vf_set(0.0f);`,
          `    for (int64_t j = max64(0, (x - ${columns} + ${strideX}) / ${strideX}); j < min64(${width}, x / ${strideX} + 1); j++) {`,
          ...indent([...start, `row_${sum} += ${value};`], 3),
          '    }',
          `    ${sum} += row_${sum};`,
          '  }',
        ]),
    '}',
  );
  return sum;
}

/** Operand `index`, which has a number for each place along the axes that are not the node's, where the result's lanes are. */
function reducedOperand(locals: Locals, node: Node, index: number): string {
  const { context } = locals;
  const { length, inner } = axesSizes(node.type.shape, node.attrs);
  const channels = node.type.shape.at(-1)!;
  const input = node.inputs[index]!;
  if (inner % channels === 0) {
    const rows = inner / channels;
    const row = rows === 1 ? `row / ${length}` : `(row / ${length * rows} * ${rows} + row % ${rows})`;
    const there = localsAt(locals, `(${row} * ${channels} + ${locals.at.channel})`);
    const value = there.load(input);
    const name = `along${index}_${locals.shared.size}${locals.suffix}`;
    locals.shared.set(`along ${node.id} ${index}`, name);
    locals.statements.push(`vf ${name};`, '{', ...indent([...there.statements, `${name} = ${value};`]), '}');
    return name;
  }
  const { op, type } = context.node(input);
  if (op === 'constant') return locals.load(input);
  return locals.temporary(`vf_set(${asNumber(type.dtype, `${context.pointer(input)}[row / ${length / channels}]`)})`);
}

type GatherRule = (locals: Locals, node: Node) => string;

const GATHERS: Readonly<Record<OpOfKind<'pool'>, GatherRule>> = {
  max_pool2d: (locals, node) => maxPool(locals, node.id).best,
  max_pool2d_index: (locals, node) => maxPool(locals, node.id).place,
  max_pool2d_grad: (locals, node) =>
    sumOverResults(locals, node, (inner) => {
      const dy = inner.value(node.inputs[0]!);
      return `vf_and(${inner.value(node.inputs[1]!)} == vf_set((float)tap), ${dy})`;
    }),
  avg_pool2d: (locals, node) => {
    const { rows, columns } = windowOf(node);
    const sum = blockedSum(locals, node.id, rows * columns, (from, to, add) =>
      eachTap(locals, node, (inner) => [add(inner.value(node.inputs[0]!))], from, to),
    );
    return `${sum} / vf_set(${rows * columns}.0f)`;
  },
  avg_pool2d_grad: (locals, node) => {
    const { rows, columns } = windowOf(node);
    return `${sumOverResults(locals, node, (inner) => inner.value(node.inputs[0]!))} / vf_set(${rows * columns}.0f)`;
  },
  global_avg_pool: (locals, node) => {
    const [height, width, channels] = imageOf(locals.context, node.inputs[0]!);
    const inner = localsAt(locals, `((batch * ${height * width} + pixel) * ${channels} + ${locals.at.channel})`);
    const value = inner.value(node.inputs[0]!);
    const sum = blockedSum(locals, node.id, height * width, (from, to, add) => [
      `for (int64_t pixel = ${from}; pixel < ${to}; pixel++) {`,
      ...indent([...inner.statements, add(value)]),
      '}',
    ]);
    return `${sum} / vf_set(${height * width}.0f)`;
  },
  global_avg_pool_grad: (locals, node) => {
    const [height, width] = numbersAttr(node.attrs, 'size') as [number, number];
    const channels = node.type.shape.at(-1)!;
    const inner = localsAt(locals, `(batch * ${channels} + ${locals.at.channel})`);
    const value = inner.value(node.inputs[0]!);
    const name = `spread${locals.shared.size}${locals.suffix}`;
    locals.shared.set(`spread ${node.id}`, name);
    locals.statements.push(`vf ${name};`, '{', ...indent([...inner.statements, `${name} = ${value};`]), '}');
    return `${name} / vf_set(${height * width}.0f)`;
  },
  mean_grad: (locals, node) => {
    const { length } = axesSizes(node.type.shape, node.attrs);
    return `${reducedOperand(locals, node, 0)} / vf_set(${length}.0f)`;
  },
  max_grad: (locals, node) => {
    const [dy, y, ties] = [0, 2, 3].map((index) => reducedOperand(locals, node, index));
    return `vf_and(${locals.value(node.inputs[1]!)} == ${y}, ${dy} / ${ties})`;
  },
  pad_grad: (locals, node) => sumOfTaps(locals, node, (index) => localsAt(locals, index)),
  upsample_nearest_grad: (locals, node) => sumOfTaps(locals, node, (index) => localsAt(locals, index)),
  upsample_bilinear: (locals, node) => sumOfTaps(locals, node, (index) => localsAt(locals, index)),
  upsample_bilinear_grad: (locals, node) => sumOfTaps(locals, node, (index) => localsAt(locals, index)),
};

/** Computes an op that reads its operands at other pixels; the loop must run over the op's own shape. */
export function gather(locals: Locals, id: ValueId): string | undefined {
  const node = locals.context.node(id);
  return isOfKind(node.op, 'pool') ? GATHERS[node.op](locals, node) : undefined;
}
