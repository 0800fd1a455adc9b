import type { Node, ValueId } from '../../ir/types.js';
import { numberAttr } from '../../ir/types.js';
import type { GroupContext } from './context.js';
import { type Dispatch, indent, KernelBuilder, storageType } from './kernel.js';
import type { Place } from './layout.js';
import { floatLiteral } from './literal.js';
import { Scope } from './scope.js';

/** A sum over rows that leaves one number per channel: what each element adds, and what becomes of the sum. */
interface ChannelRule {
  readonly term: (scope: Scope, node: Node) => string;
  readonly result: (scope: Scope, node: Node, sum: string) => string;
}

function share({ context }: Scope, { inputs, type }: Node): string {
  return floatLiteral(type.shape[0]! / context.count(inputs[0]!));
}

const CHANNEL = {
  sum_to_channel: { term: (scope, node) => scope.value(node.inputs[0]!), result: (_scope, _node, sum) => sum },
  channel_mean: { term: (scope, node) => scope.value(node.inputs[0]!), result: (scope, node, sum) => `${sum} * ${share(scope, node)}` },
  channel_variance: {
    term: (scope, node) => {
      const difference = scope.let(`${scope.value(node.inputs[0]!)} - ${scope.perChannel(node.inputs[1]!)}`);
      return `${difference} * ${difference}`;
    },
    result: (scope, node, sum) => `${sum} * ${share(scope, node)}`,
  },
  batch_norm_weight_grad: {
    term: (scope, node) => `${scope.value(node.inputs[1]!)} * (${scope.value(node.inputs[0]!)} - ${scope.perChannel(node.inputs[2]!)})`,
    result: (scope, node, sum) => `${sum} / sqrt(${scope.perChannel(node.inputs[3]!)} + ${floatLiteral(numberAttr(node.attrs, 'eps'))})`,
  },
} satisfies Readonly<Record<string, ChannelRule>>;

type ChannelOp = keyof typeof CHANNEL;

export function isChannelReduction(op: string): op is ChannelOp {
  return op in CHANNEL;
}

/** Invocations that keep a device busy. */
const ENOUGH = 16384;
const MOST_PARTS = 256;

/**
 * Sums over rows in two kernels: every invocation adds the rows of one part for one channel, then one per channel adds the parts. The
 * order of additions depends on the shape alone.
 */
export function emitChannelReduction(context: GroupContext, id: ValueId): Dispatch[] {
  const node = context.node(id);
  const rule = CHANNEL[node.op as ChannelOp];
  const { limits } = context.target;
  const channels = node.type.shape[0]!;
  const rows = context.count(node.inputs[0]!) / channels;
  const length = Math.ceil(rows / Math.min(MOST_PARTS, rows, Math.max(1, Math.ceil(ENOUGH / channels))));
  const parts = Math.ceil(rows / length);
  const partial = context.reserve(parts * channels * 4);

  const sums = new KernelBuilder();
  const outer = new Scope(context, sums, { index: 'i', channel: 'c' });
  for (const input of node.inputs.slice(1))
    if (context.count(input) === channels && context.type(input).shape.length === 1) outer.perChannel(input);
  const inner = new Scope(context, sums, { index: 'at', channel: 'c' });
  for (const [key, name] of outer.shared) inner.shared.set(key, name);
  const term = rule.term(inner, node);
  const target = sums.write(partial, 'f32');
  const first = sums.finishFlat(context.label([id]), parts * channels, limits, [
    `let c = i % ${channels}u;`,
    `let part = i / ${channels}u;`,
    ...outer.lines,
    'var sum = 0.0f;',
    `for (var row = part * ${length}u; row < min(${rows}u, (part + 1u) * ${length}u); row++) {`,
    `  let at = row * ${channels}u + c;`,
    ...indent([...inner.lines, `sum += ${term};`]),
    '}',
    `${target}[i] = sum;`,
  ]);

  const join = new KernelBuilder();
  const scope = new Scope(context, join, { index: 'i', channel: 'i' });
  scope.lines.push(
    'var sum = 0.0f;',
    `for (var part = 0u; part < ${parts}u; part++) { sum += ${join.read(partial, 'f32', `part * ${channels}u + i`)}; }`,
  );
  scope.define(id, rule.result(scope, node, 'sum'));
  scope.store(id);
  return [first, join.finishFlat(`${context.label([id])}, parts`, channels, limits, scope.lines)];
}

interface Terms {
  readonly place: Place;
  readonly count: number;
}

/** One workgroup adds f32 numbers: each invocation its own ones in order, then pairs of invocations. `total` is in scope of `result`. */
export function sumInOrder(context: GroupContext, id: ValueId, terms: readonly Terms[], result: string): Dispatch {
  const kernel = new KernelBuilder();
  const size = Math.min(256, context.target.limits.workgroupInvocations);
  kernel.globals.push(`var<workgroup> sums: array<f32, ${size}>;`);
  const loops = terms.map(
    ({ place, count }) => `for (var k = lid; k < ${count}u; k += ${size}u) { sum += ${kernel.read(place, 'f32', 'k')}; }`,
  );
  const { dtype } = context.type(id);
  const target = kernel.write(context.place(id), storageType(dtype));
  return kernel.finish(
    `${context.label([id])}, total`,
    size,
    [1, 1, 1],
    [
      'var sum = 0.0f;',
      ...loops,
      'sums[lid] = sum;',
      'workgroupBarrier();',
      `for (var width = ${size / 2}u; width > 0u; width = width >> 1u) {`,
      '  if (lid < width) { sums[lid] += sums[lid + width]; }',
      '  workgroupBarrier();',
      '}',
      'if (lid == 0u) {',
      '  let total = sums[0];',
      `  ${target}[0] = ${result};`,
      '}',
    ],
  );
}

/** Ops that leave one number of any number of tensors. */
export function isTotal(op: string): op is 'all_finite' | 'global_norm' {
  return op === 'all_finite' || op === 'global_norm';
}

/** Every invocation takes elements at equal distances; what it finds is added up in a second kernel. */
export function emitTotal(context: GroupContext, id: ValueId): Dispatch[] {
  const { op, inputs } = context.node(id);
  const finite = op === 'all_finite';
  const {
    limits,
    limits: { storageBuffers },
  } = context.target;
  const dispatches: Dispatch[] = [];
  const partials = context.reserve(inputs.reduce((sum, input) => sum + partialCount(context, input), 0) * 4);
  let first = 0;
  for (const input of inputs) {
    const kernel = new KernelBuilder();
    const count = context.count(input);
    const invocations = partialCount(context, input);
    const scope = new Scope(context, kernel, { index: 'at' });
    const value = scope.value(input);
    const term = finite ? `select(1.0f, 0.0f, is_finite(${value}))` : `${value} * ${value}`;
    if (kernel.bindingCount >= storageBuffers) throw new Error(`${op} reads too many values at once`);
    dispatches.push(
      kernel.finishFlat(context.label([id]), invocations, limits, [
        'var sum = 0.0f;',
        `for (var at = i; at < ${count}u; at += ${invocations}u) {`,
        ...indent([...scope.lines, `sum += ${term};`]),
        '}',
        `${kernel.write(partials, 'f32')}[${first}u + i] = sum;`,
      ]),
    );
    first += invocations;
  }
  const result = finite ? 'select(0u, 1u, total == 0.0f)' : 'sqrt(total)';
  return [...dispatches, sumInOrder(context, id, [{ place: partials, count: first }], result)];
}

function partialCount(context: GroupContext, id: ValueId): number {
  return Math.min(4096, Math.ceil(context.count(id) / 8));
}
