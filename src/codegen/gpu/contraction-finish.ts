import type { ValueId } from '../../ir/types.js';
import { isView, opDefinition } from '../../ops/index.js';
import type { GroupContext } from './context.js';
import type { Contraction } from './contraction-geometry.js';
import { columnAt, resultAt, resultImage } from './contraction-geometry.js';
import { takeLarger } from './gathers.js';
import { indent, type Kernel } from './kernel.js';
import { Locals } from './locals.js';

/** The 2x2 pool that a kernel computes on the accumulators, if any. */
export function fusedPool(context: GroupContext, nodes: readonly ValueId[]): ValueId | undefined {
  return nodes.find((id) => opDefinition(context.node(id).op).poolsEpilogue === true);
}

/** Those of a kernel's nodes that it leaves in memory: what the plan stores, and a contraction that stands alone. */
function storedOf(context: GroupContext, nodes: readonly ValueId[]): ValueId[] {
  const own = new Set(nodes);
  /** Ops of the group that other kernels run need it. */
  const isLeft = (id: ValueId) => context.readers(id).some((reader) => !own.has(reader.id));
  return nodes.filter((id) => !isView(context.node(id)) && (nodes.length === 1 || context.isStored(id) || isLeft(id)));
}

/** An accumulator becomes the contraction's value: plus bias, rounded to its format. */
function takeAccumulator(locals: Locals, { node, bias }: Contraction, accumulator: string): void {
  locals.define(node.id, bias === undefined ? accumulator : `${accumulator} + ${locals.perChannel(bias)}`);
}

/** Statements that put what an element adds to sums over rows where `terms` is. */
export type TermsOfSums = (locals: Locals) => string[];

/** `fn finish(m, n, sum)`: what becomes of one accumulator. */
function finishElement(context: GroupContext, kernel: Kernel, c: Contraction, nodes: readonly ValueId[], terms?: TermsOfSums): void {
  const locals = new Locals(context, kernel, { index: resultAt(c, 'm', 'n'), channel: columnAt(c, 'n') });
  takeAccumulator(locals, c, 'sum');
  for (const id of storedOf(context, nodes)) if (terms === undefined || context.isStored(id)) locals.store(id);
  if (terms !== undefined) locals.lines.push('let row = m;', ...terms(locals));
  const parameters = [['m', 'u32'], ['n', 'u32'], ['sum', 'f32'], ...(terms === undefined ? [] : [['terms', 'f32 *'] as const])] as const;
  kernel.function({ name: 'finish', parameters }, locals.lines);
}

/** `fn finish(window, n, sums)`: what becomes of the four accumulators of a 2x2 window. */
function finishWindow(context: GroupContext, kernel: Kernel, c: Contraction, nodes: readonly ValueId[], pool: ValueId): void {
  const [height, width] = resultImage(c);
  const before = context.node(pool).inputs[0]!;
  const stored = storedOf(context, nodes);
  const beforePool = new Set(stored.filter((id) => context.count(id) === context.count(before)));
  const image = `window / ${(width / 2) * (height / 2)}u`;
  const row = `window / ${width / 2}u % ${height / 2}u`;
  const lines = [
    `let corner = (${image} * ${height}u + ${row} * 2u) * ${width}u + window % ${width / 2}u * 2u;`,
    'var best = 0.0f;',
    'var best_at = -1;',
  ];
  for (let tap = 0; tap < 4; tap += 1) {
    const offset = Math.floor(tap / 2) * width + (tap % 2);
    const locals = new Locals(context, kernel, { index: resultAt(c, `(corner + ${offset}u)`, 'n'), channel: columnAt(c, 'n') });
    takeAccumulator(locals, c, `sums[${tap}]`);
    const value = locals.value(before);
    for (const id of beforePool) locals.store(id);
    lines.push('{', ...indent([...locals.lines, ...takeLarger(kernel, 'best', value, String(tap))]), '}');
  }
  const locals = new Locals(context, kernel, { index: resultAt(c, 'window', 'n', c.m / 4), channel: columnAt(c, 'n') });
  locals.set(pool, 'best');
  for (const id of nodes) if (opDefinition(context.node(id).op).computedWith !== undefined) locals.set(id, 'f32(best_at)');
  for (const id of stored) if (!beforePool.has(id)) locals.store(id);
  const parameters = [
    ['window', 'u32'],
    ['n', 'u32'],
    ['sums', 'vec4f'],
  ] as const;
  kernel.function({ name: 'finish', parameters }, [...lines, ...locals.lines]);
}

/** An invocation's accumulators when they are complete. */
export interface FinishedBlock {
  readonly rows: number;
  readonly columns: number;
  /** Expressions of the first row and of column `t`, and of an accumulator. */
  readonly m: string;
  readonly column: (t: string) => string;
  readonly sum: (row: number, column: number) => string;
}

/**
 * Adds the function `finish` to the kernel: bias, rounding, and the other `nodes`. Returns the statements that hand it a block of
 * accumulators, one (or one window) at a time. They are a loop over an array: code for each accumulator would take a software GPU seconds
 * to compile.
 */
export function emitFinish(
  context: GroupContext,
  kernel: Kernel,
  c: Contraction,
  nodes: readonly ValueId[],
  terms?: TermsOfSums,
): (block: FinishedBlock) => string[] {
  const pool = fusedPool(context, nodes);
  if (pool === undefined) finishElement(context, kernel, c, nodes, terms);
  else finishWindow(context, kernel, c, nodes, pool);
  // A start that the compiler cannot know keeps it from unrolling the loop.
  const start = context.target.contractions === 'lanes' ? kernel.helper('opaque') : '0u';
  return ({ rows, columns, m, column, sum }) => {
    const sums = Array.from({ length: rows * columns }, (_, e) => sum(e % rows, Math.floor(e / rows)));
    const perColumn = pool === undefined ? rows : rows / 4;
    const body =
      pool === undefined
        ? [`let row = ${m} + e % ${rows}u;`, `if (row < ${c.m}u && n < ${c.n}u) { finish(row, n, sums[e]); }`]
        : [
            `let row = ${m} + e % ${perColumn}u * 4u;`,
            'let window_sums = vec4f(sums[4u * e], sums[4u * e + 1u], sums[4u * e + 2u], sums[4u * e + 3u]);',
            `if (row < ${c.m}u && n < ${c.n}u) { finish(row / 4u, n, window_sums); }`,
          ];
    return [
      kernel.list('sums', sums),
      `for (var e = ${start}; e < ${perColumn * columns}u; e++) {`,
      `  let n = ${column(`e / ${perColumn}u`)};`,
      ...indent(body),
      '}',
    ];
  };
}
