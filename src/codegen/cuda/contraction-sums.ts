import type { Node } from '../../ir/types.js';
import { isOfKind, type OpOfKind, opDefinition } from '../../ops/index.js';
import { REDUCTIONS } from '../formula/reduce.js';
import { Writer } from '../formula/render.js';
import type { GroupContext } from '../gpu/context.js';
import { type Contraction, slabsOf } from '../gpu/contraction-geometry.js';
import { type Dispatch, finishFlat, indent, type Kernel } from '../gpu/kernel.js';
import type { Place } from '../gpu/layout.js';
import { leavesAt } from '../gpu/leaves.js';
import { floatLiteral } from '../gpu/literal.js';
import { Locals } from '../gpu/locals.js';
import type { MmaTile } from './mma-tile.js';

/** Rows of blocks whose sums one of them joins, before all are joined. */
const ROWS_OF_BLOCKS = 32;

/** Where an element's value is that a variance needs once more, of row `r` and column `t` of its thread: in place of its sum. */
const KEPT = 's[r / 2u][t / 2u][r % 2u * 2u + t % 2u]';

/** Sums over rows of what a contraction's kernel makes, by the kernel. */
export interface OwnSums {
  /** Statements, for an element of the result, that give the terms of all sums: `terms[0]` and on. */
  terms(locals: Locals): string[];
  /** Declarations in front of the drain. */
  readonly declare: readonly string[];
  /** Statements that take in the terms of an element, of column `t` of its thread, whose sum is at `at`. */
  take(t: string, at: string): readonly string[];
  /** Statements behind the drain. */
  readonly lines: readonly string[];
  readonly count: number;
  /** What sets the numbers to zero by which blocks know that they are the last. */
  readonly before: Dispatch;
}

/** The sums of a contraction's group, in order. */
export function sumsOf(context: GroupContext): readonly Node[] {
  return context.group.nodes.map((id) => context.node(id)).filter(({ op }) => isOfKind(op, 'reduce'));
}

function isVariance(node: Node): boolean {
  return opDefinition(node.op).aboutMean !== undefined;
}

/**
 * Whether the kernel can take the sums of its group: there is one product, and what a variance is about is a mean that it takes as well,
 * from which it knows the deviations.
 */
export function takesSums(context: GroupContext, c: Contraction, nodes: readonly Node[]): boolean {
  const means = nodes.filter(({ op }) => opDefinition(op).plainMean === true).map(({ id }) => id);
  return (
    nodes.length > 0 &&
    slabsOf(c) === 1 &&
    nodes.every((node) => {
      const about = opDefinition(node.op).aboutMean;
      if (about === undefined) return node.inputs.every((id) => !nodes.some((other) => other.id === id));
      return means.includes(node.inputs[about]!) && context.type(node.inputs[0]!).shape.at(-1) === c.n;
    })
  );
}

/**
 * Sums over the rows of a tile: a thread adds its rows, lanes and then warps join; the last block of some joins those, and the last of all
 * ends it. What each addition rounds off is added as well, and the order of additions depends on the shape alone. A variance is that of the
 * tiles about their own means, and of those means about that of all (Chan, Golub, LeVeque 1979).
 */
export function emitSums(context: GroupContext, kernel: Kernel, c: Contraction, tile: MmaTile, nodes: readonly Node[]): OwnSums {
  const threads = tile.down * tile.across * 32;
  const [down, columns] = [(tile.m / tile.down / 16) * 2, (tile.n / tile.across / 8) * 2];
  const blocks = Math.ceil(c.m / tile.m);
  const across = Math.ceil(c.n / tile.n);
  const joins = blocks > 2 * ROWS_OF_BLOCKS ? Math.ceil(blocks / ROWS_OF_BLOCKS) : 0;
  const plane = (count: number) => count * c.n * 2;
  const partial = context.reserve(nodes.length * plane(blocks) * 4);
  const joined = joins === 0 ? undefined : context.reserve(nodes.length * plane(joins) * 4);
  const counters = context.reserve((joins + 1) * across * 4);

  const zero = context.newKernel();
  const zeroed = zero.write(counters, 'u32');
  const before = finishFlat(zero, `${context.label([c.node.id])}, none so far`, (joins + 1) * across, context.target.limits, [
    `${zeroed}[i] = 0u;`,
  ]);

  const variance = nodes.findIndex(isVariance);
  const mean =
    variance < 0 ? -1 : nodes.findIndex(({ id }) => id === nodes[variance]!.inputs[opDefinition(nodes[variance]!.op).aboutMean!]);
  const plain = nodes.map((_, r) => r).filter((r) => r !== variance);
  /** Terms that are kept for each element: those of all sums but the variance's, which are the mean's. */
  const slot = (r: number) => plain.indexOf(r === variance ? mean : r);

  const arrived = kernel.write(counters, 'u32');

  const terms = (locals: Locals): string[] =>
    plain.map((r) => {
      const node = nodes[r]!;
      const { term } = REDUCTIONS[node.op as OpOfKind<'reduce'>](node);
      const operand = (index: number) => locals.value(node.inputs[index]!);
      const text = new Writer(kernel.renderer, { ...leavesAt(locals, node), operand }).write(term);
      return `terms[${slot(r)}] = ${text};`;
    });

  /** Statements after which the first `tile.n` threads have in `sum` what `take` adds up of each column of the tile. */
  const overRows = (ofThread: readonly string[]): string[] => [
    kernel.barrier,
    'UNROLL',
    `for (u32 t = 0; t < ${columns}u; t++) {`,
    ...indent([
      ...ofThread,
      'for (u32 width = 4u; width < 32u; width *= 2u) {',
      '  const f32 x = shuffle(own.x, (lane + width) % 32u), y = shuffle(own.y, (lane + width) % 32u);',
      '  own = add_pair(own, vec2f(x, y));',
      '}',
      `if (lane < 4u) { column_sums[warp / ${tile.across}u * ${tile.n}u + column + t / 2u * 8u + lane * 2u + t % 2u] = own; }`,
    ]),
    '}',
    kernel.barrier,
    'sum = vec2f(0.0f, 0.0f);',
    `if (lid < ${tile.n}u) {`,
    `  for (u32 w = 0; w < ${tile.down}u; w++) { sum = add_pair(sum, column_sums[w * ${tile.n}u + lid]); }`,
    '}',
  ];
  const overKept = (take: string): string[] => ['vec2f own(0.0f, 0.0f);', 'UNROLL', `for (u32 r = 0; r < ${down}u; r++) { ${take} }`];
  const isKept = (r: number): boolean => r === mean && variance >= 0;
  const at = (r: number, count: number, row: string) => `((${r * count}u + ${row}) * ${c.n}u + n) * 2u`;
  const store = (place: Place, r: number, count: number, row: string): string => {
    const array = kernel.write(place, 'f32');
    return `if (lid < ${tile.n}u && n < ${c.n}u) { const u32 to = ${at(r, count, row)}; ${array}[to] = sum.x; ${array}[to + 1u] = sum.y; }`;
  };
  const number = (value: number) => floatLiteral(value, kernel.helper);
  const own = [
    // The stages are empty by now.
    kernel.barrier,
    'vec2f *const column_sums = (vec2f *)tile_a;',
    `const u32 row_of_blocks = m0 / ${tile.m}u, column_of_blocks = n0 / ${tile.n}u, n = n0 + lid;`,
    'vec2f sum(0.0f, 0.0f);',
    ...plain.flatMap((r) => [
      ...overRows(isKept(r) ? overKept(`own = add_term(own, ${KEPT});`) : [`vec2f own = own${r}[t];`]),
      store(partial, r, blocks, 'row_of_blocks'),
      // The mean of the tile's own rows, for the deviations from it.
      ...(isKept(r)
        ? [
            kernel.barrier,
            `if (lid < ${tile.n}u) { column_sums[lid].x = sum_of(sum) / f32(min(${tile.m}u, ${c.m}u - m0)); }`,
            kernel.barrier,
            `f32 means[${columns}];`,
            'UNROLL',
            `for (u32 t = 0; t < ${columns}u; t++) { means[t] = column_sums[column + t / 2u * 8u + lane % 4u * 2u + t % 2u].x; }`,
            ...overRows(
              overKept(
                `if (m0 + row + r / 2u * 16u + r % 2u * 8u + lane / 4u < ${c.m}u) ` +
                  `{ const f32 x = ${KEPT} - means[t]; own = add_term(own, x * x); }`,
              ),
            ),
            store(partial, variance, blocks, 'row_of_blocks'),
          ]
        : []),
    ]),
  ];

  /** Statements that join rows `from` to `to` of `count` of a place, each of so many rows of the result: sums `all0`, `all1` and on. */
  const join = (place: Place, count: number, rows: number, from: string, to: string): string[] => {
    const array = kernel.write(place, 'f32');
    const pair = (r: number) => `vec2f(${array}[${at(r, count, 'q')}], ${array}[${at(r, count, 'q')} + 1u])`;
    const ofRow = `f32(min(${rows}u, ${c.m}u - q * ${rows}u))`;
    return [
      ...nodes.map((_, r) => `vec2f all${r}(0.0f, 0.0f);`),
      `for (u32 q = ${from}; q < ${to}; q++) {`,
      ...plain.map((r) => `  all${r} = add_pair(all${r}, ${pair(r)});`),
      '}',
      ...(variance < 0
        ? []
        : [
            `const f32 middle = sum_of(all${mean}) / f32(min(${to} * ${rows}u, ${c.m}u) - ${from} * ${rows}u);`,
            `for (u32 q = ${from}; q < ${to}; q++) {`,
            `  const f32 off = sum_of(${pair(mean)}) / ${ofRow} - middle;`,
            `  all${variance} = add_term(add_pair(all${variance}, ${pair(variance)}), ${ofRow} * (off * off));`,
            '}',
          ]),
    ];
  };
  const first =
    joined === undefined
      ? []
      : [
          `const u32 some = row_of_blocks / ${ROWS_OF_BLOCKS}u, end = min((some + 1u) * ${ROWS_OF_BLOCKS}u, ${blocks}u);`,
          `u32 *const own_arrived = ${arrived} + (some + 1u) * ${across}u + column_of_blocks;`,
          `if (!last_of_blocks<${threads}>(own_arrived, end - some * ${ROWS_OF_BLOCKS}u, number)) { return; }`,
          `if (lid < ${tile.n}u && n < ${c.n}u) {`,
          ...indent([
            ...join(partial, blocks, tile.m, `(some * ${ROWS_OF_BLOCKS}u)`, 'end'),
            ...nodes.map((_, r) => {
              const array = kernel.write(joined, 'f32');
              return `{ const u32 to = ${at(r, joins, 'some')}; ${array}[to] = all${r}.x; ${array}[to + 1u] = all${r}.y; }`;
            }),
          ]),
          '}',
        ];
  const [place, count, rows] = joined === undefined ? [partial, blocks, tile.m] : [joined, joins, tile.m * ROWS_OF_BLOCKS];
  const results = nodes.flatMap((node, r) => {
    const { of, result } = REDUCTIONS[node.op as OpOfKind<'reduce'>](node);
    const locals = new Locals(context, kernel, { index: 'n', channel: 'n' });
    locals.lines.push(`const f32 total = ${of === 'mean' ? `mean_of(all${r}, ${number(c.m)})` : `sum_of(all${r})`};`);
    locals.define(node.id, new Writer(kernel.renderer, leavesAt(locals, node)).write(result));
    locals.store(node.id);
    return ['{', ...indent(locals.lines), '}'];
  });
  const lines = [
    ...own,
    'u32 *const number = (u32 *)column_sums;',
    ...first,
    `if (!last_of_blocks<${threads}>(${arrived} + column_of_blocks, ${joined === undefined ? blocks : joins}u, number)) { return; }`,
    `if (lid < ${tile.n}u && n < ${c.n}u) {`,
    ...indent([...join(place, count, rows, '0u', `${count}u`), ...results]),
    '}',
  ];
  const declare = plain.filter((r) => !isKept(r)).map((r) => `vec2f own${r}[${columns}] = {};`);
  const take = (t: string, at: string) =>
    plain.map((sum) => {
      const term = `terms[${slot(sum)}]`;
      return isKept(sum) ? `${at} = ${term};` : `own${sum}[${t}] = add_term(own${sum}[${t}], ${term});`;
    });
  return { terms, declare, take, lines, count: plain.length, before };
}
