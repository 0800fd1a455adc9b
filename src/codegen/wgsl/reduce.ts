import type { Node, ValueId } from '../../ir/types.js';
import { numberAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import type { GroupContext } from './context.js';
import { type Dispatch, indent, KernelBuilder } from './kernel.js';
import { alignTo } from './layout.js';
import { floatLiteral } from './literal.js';
import { joinParts, type PartialSums } from './partial-sums.js';
import { Scope } from './scope.js';

/** A sum over rows that leaves one number per channel: what each element adds, and what becomes of the sum, a pair (`add_term`). */
interface ChannelRule {
  readonly term: (scope: Scope, node: Node) => string;
  readonly result: (scope: Scope, node: Node, sum: string) => string;
}

const sumOf: ChannelRule['result'] = (_scope, _node, sum) => `sum_of(${sum})`;

const meanOf: ChannelRule['result'] = ({ context }, { inputs, type }, sum) => {
  const rows = context.count(inputs[0]!) / type.shape[0]!;
  return `mean_of(${sum}, ${floatLiteral(rows)})`;
};

const CHANNEL: Readonly<Record<OpOfKind<'reduce'>, ChannelRule>> = {
  sum_to_channel: { term: (scope, node) => scope.value(node.inputs[0]!), result: sumOf },
  channel_mean: { term: (scope, node) => scope.value(node.inputs[0]!), result: meanOf },
  channel_variance: {
    term: (scope, node) => {
      const difference = scope.let(`${scope.value(node.inputs[0]!)} - ${scope.perChannel(node.inputs[1]!)}`);
      return `${difference} * ${difference}`;
    },
    result: meanOf,
  },
  batch_norm_weight_grad: {
    term: (scope, node) => `${scope.value(node.inputs[1]!)} * (${scope.value(node.inputs[0]!)} - ${scope.perChannel(node.inputs[2]!)})`,
    result: (scope, node, sum) =>
      `sum_of(${sum}) / sqrt(${scope.perChannel(node.inputs[3]!)} + ${floatLiteral(numberAttr(node.attrs, 'eps'))})`,
  },
  layer_norm_weight_grad: {
    term: (scope, node) => {
      const statistic = (element: string) => scope.loadAt(node.inputs[2]!, element);
      const z = `(${scope.value(node.inputs[0]!)} - ${statistic('2u * row')}) * ${statistic('2u * row + 1u')}`;
      return `${scope.value(node.inputs[1]!)} * (${z})`;
    },
    result: sumOf,
  },
};

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
  const rule = CHANNEL[node.op as OpOfKind<'reduce'>];
  const { limits } = context.target;
  const channels = node.type.shape[0]!;
  const rows = context.count(node.inputs[0]!) / channels;
  const length = Math.ceil(rows / Math.min(MOST_PARTS, rows, Math.max(1, Math.ceil(ENOUGH / channels))));
  const parts = Math.ceil(rows / length);
  const count = parts * channels;
  const half = alignTo(count * 4, limits.offsetAlignment);
  const both = context.reserve(2 * half);
  const partial: PartialSums = { parts, place: both, rest: { ...both, offset: both.offset + half, bytes: half } };

  const sums = new KernelBuilder();
  const outer = new Scope(context, sums, { index: 'i', channel: 'c' });
  for (const input of node.inputs.slice(1))
    if (context.count(input) === channels && context.type(input).shape.length === 1) outer.perChannel(input);
  const inner = new Scope(context, sums, { index: 'at', channel: 'c' });
  for (const [key, name] of outer.shared) inner.shared.set(key, name);
  const term = rule.term(inner, node);
  const first = sums.finishFlat(context.label([id]), count, limits, [
    `let c = i % ${channels}u;`,
    `let part = i / ${channels}u;`,
    ...outer.lines,
    'var sum = vec2f();',
    `for (var row = part * ${length}u; row < min(${rows}u, (part + 1u) * ${length}u); row++) {`,
    `  let at = row * ${channels}u + c;`,
    ...indent([...inner.lines, `sum = add_term(sum, ${term});`]),
    '}',
    `${sums.write(both, 'f32')}[i] = sum.x;`,
    `${sums.write(both, 'f32')}[i + ${half / 4}u] = sum.y;`,
  ]);

  const join = new KernelBuilder();
  const scope = new Scope(context, join, { index: 'i', channel: 'i' });
  scope.lines.push(...joinParts(join, partial, channels));
  scope.define(id, rule.result(scope, node, 'sum'));
  scope.store(id);
  return [first, join.finishFlat(`${context.label([id])}, parts`, channels, limits, scope.lines)];
}
