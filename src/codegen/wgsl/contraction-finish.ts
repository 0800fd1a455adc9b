import type { ValueId } from '../../ir/types.js';
import type { GroupContext } from './context.js';
import type { Contraction } from './contraction-geometry.js';
import { resultImage } from './contraction-geometry.js';
import { indent, type KernelBuilder } from './kernel.js';
import { Scope } from './scope.js';
import { takeLarger } from './windows.js';

/** The 2x2 pool that a kernel computes on the accumulators, if any. */
export function fusedPool(context: GroupContext, nodes: readonly ValueId[]): ValueId | undefined {
  return nodes.find((id) => context.node(id).op === 'max_pool2d');
}

/** Those of a kernel's nodes that it leaves in memory: what the plan stores, and a contraction that stands alone. */
function storedOf(context: GroupContext, nodes: readonly ValueId[]): ValueId[] {
  return nodes.filter((id) => context.node(id).op !== 'reshape' && (nodes.length === 1 || context.isStored(id)));
}

/** An accumulator becomes the contraction's value: plus bias, rounded to its format. */
function takeAccumulator(scope: Scope, { node, bias }: Contraction, accumulator: string): void {
  scope.define(node.id, bias === undefined ? accumulator : `${accumulator} + ${scope.perChannel(bias)}`);
}

/** `fn finish(m, n, sum)`: what becomes of one accumulator. */
function finishElement(context: GroupContext, kernel: KernelBuilder, c: Contraction, nodes: readonly ValueId[]): string[] {
  const scope = new Scope(context, kernel, { index: `(m * ${c.n}u + n)`, channel: 'n' });
  takeAccumulator(scope, c, 'sum');
  for (const id of storedOf(context, nodes)) scope.store(id);
  return ['fn finish(m: u32, n: u32, sum: f32) {', ...indent(scope.lines), '}'];
}

/** `fn finish(window, n, sums)`: what becomes of the four accumulators of a 2x2 window. */
function finishWindow(context: GroupContext, kernel: KernelBuilder, c: Contraction, nodes: readonly ValueId[], pool: ValueId): string[] {
  const [height, width] = resultImage(c);
  const before = context.node(pool).inputs[0]!;
  const stored = storedOf(context, nodes);
  const beforePool = new Set(stored.filter((id) => context.count(id) === context.count(before)));
  const lines = [
    `let corner = (window / ${(width / 2) * (height / 2)}u * ${height}u + window / ${width / 2}u % ${height / 2}u * 2u) * ${width}u + window % ${width / 2}u * 2u;`,
    'var best = 0.0f;',
    'var best_at = -1;',
  ];
  for (let tap = 0; tap < 4; tap += 1) {
    const offset = Math.floor(tap / 2) * width + (tap % 2);
    const scope = new Scope(context, kernel, { index: `((corner + ${offset}u) * ${c.n}u + n)`, channel: 'n' });
    takeAccumulator(scope, c, `sums[${tap}]`);
    const value = scope.value(before);
    for (const id of beforePool) scope.store(id);
    lines.push('{', ...indent([...scope.lines, ...takeLarger('best', value, String(tap))]), '}');
  }
  const scope = new Scope(context, kernel, { index: `(window * ${c.n}u + n)`, channel: 'n' });
  scope.set(pool, 'best');
  for (const id of nodes) if (context.node(id).op === 'max_pool2d_index') scope.set(id, 'f32(best_at)');
  for (const id of stored) if (!beforePool.has(id)) scope.store(id);
  return ['fn finish(window: u32, n: u32, sums: vec4f) {', ...indent([...lines, ...scope.lines]), '}'];
}

/**
 * Adds the function `finish` to the kernel: bias, rounding, and the other `nodes`. Returns the calls of it for a column of a block of
 * accumulators, given their names by row.
 */
export function emitFinish(
  context: GroupContext,
  kernel: KernelBuilder,
  c: Contraction,
  nodes: readonly ValueId[],
): (m: string, n: string, sums: readonly string[], limit: string) => string[] {
  const pool = fusedPool(context, nodes);
  kernel.globals.push(...(pool === undefined ? finishElement(context, kernel, c, nodes) : finishWindow(context, kernel, c, nodes, pool)));
  if (pool === undefined) {
    return (m, n, sums, limit) => sums.map((sum, r) => `if (${m} + ${r}u < ${limit}) { finish(${m} + ${r}u, ${n}, ${sum}); }`);
  }
  return (m, n, sums, limit) =>
    Array.from({ length: sums.length / 4 }, (_, w) => {
      const four = sums.slice(w * 4, w * 4 + 4).join(', ');
      return `if (${m} + ${w * 4}u < ${limit}) { finish((${m}) / 4u + ${w}u, ${n}, vec4f(${four})); }`;
    });
}
