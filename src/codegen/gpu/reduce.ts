import type { ValueId } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { REDUCTIONS } from '../formula/reduce.js';
import { Writer } from '../formula/render.js';
import type { GroupContext } from './context.js';
import { type Dispatch, finishFlat, indent } from './kernel.js';
import { alignTo } from './layout.js';
import { leavesAt } from './leaves.js';
import { floatLiteral } from './literal.js';
import { Locals } from './locals.js';
import { joinParts, type PartialSums } from './partial-sums.js';

/** Invocations that keep a device busy. */
const ENOUGH = 16384;
const MOST_PARTS = 256;

/**
 * Sums over rows in two kernels: every invocation adds the rows of one part for one channel, then one per channel adds the parts. The
 * order of additions depends on the shape alone, and what each addition rounds off is added as well, so that a sum is off by the rounding
 * of its terms and of itself, however many they are.
 */
export function emitChannelReduction(context: GroupContext, id: ValueId): Dispatch[] {
  const node = context.node(id);
  const { term, of, result } = REDUCTIONS[node.op as OpOfKind<'reduce'>](node);
  const { limits } = context.target;
  const channels = node.type.shape[0]!;
  const rows = context.count(node.inputs[0]!) / channels;
  const length = Math.ceil(rows / Math.min(MOST_PARTS, rows, Math.max(1, Math.ceil(ENOUGH / channels))));
  const parts = Math.ceil(rows / length);
  const count = parts * channels;
  const half = alignTo(count * 4, limits.offsetAlignment);
  const both = context.reserve(2 * half);
  const partial: PartialSums = { parts, place: both, rest: { ...both, offset: both.offset + half, bytes: half } };

  const sums = context.newKernel();
  const outer = new Locals(context, sums, { index: 'i', channel: 'c' });
  for (const input of node.inputs.slice(1))
    if (context.count(input) === channels && context.type(input).shape.length === 1) outer.perChannel(input);
  const inner = new Locals(context, sums, { index: 'at', channel: 'c' });
  for (const [key, name] of outer.shared) inner.shared.set(key, name);
  const operand = (index: number) => inner.value(node.inputs[index]!);
  const added = new Writer(sums.renderer, { ...leavesAt(inner, node), operand }).write(term);
  const first = finishFlat(sums, context.label([id]), count, limits, [
    `let c = i % ${channels}u;`,
    `let part = i / ${channels}u;`,
    ...outer.lines,
    'var sum = vec2f();',
    `for (var row = part * ${length}u; row < min(${rows}u, (part + 1u) * ${length}u); row++) {`,
    `  let at = row * ${channels}u + c;`,
    ...indent([...inner.lines, `sum = ${sums.helper('add_term')}(sum, ${added});`]),
    '}',
    `${sums.write(both, 'f32')}[i] = sum.x;`,
    `${sums.write(both, 'f32')}[i + ${half / 4}u] = sum.y;`,
  ]);

  const join = context.newKernel();
  const locals = new Locals(context, join, { index: 'i', channel: 'i' });
  locals.lines.push(...joinParts(join, partial, channels));
  const total = of === 'mean' ? `${join.helper('mean_of')}(sum, ${floatLiteral(rows, join.helper)})` : `${join.helper('sum_of')}(sum)`;
  locals.lines.push(`let total = ${total};`);
  locals.define(id, new Writer(join.renderer, leavesAt(locals, node)).write(result));
  locals.store(id);
  return [first, finishFlat(join, `${context.label([id])}, parts`, channels, limits, locals.lines)];
}
