import type { Node, ValueId } from '../../ir/types.js';
import { elementCount, numberAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { type Position, Scope } from './expression.js';
import type { KernelContext } from './kernel.js';
import { MOST_TASKS, type Root } from './loops.js';
import type { Place } from './place.js';
import { floatLiteral, indent } from './text.js';

/** A sum over rows that leaves one number per channel: what each element adds (a `vf`), and what becomes of the sum (a `vw`). */
interface ChannelRule {
  /** Every row is added in double: for a sum that is large beside what is read off it, as a mean beside the deviations from it. */
  readonly exact?: boolean;
  readonly term: (scope: Scope, node: Node) => string;
  readonly result: (scope: Scope, node: Node, sum: string) => string;
}

function mean(scope: Scope, node: Node, sum: string): string {
  const { shape } = scope.context.type(node.inputs[0]!);
  return `vw_round(vw_times(${sum}, 1.0 / ${elementCount(shape) / shape.at(-1)!}))`;
}

const CHANNEL: Readonly<Record<OpOfKind<'reduce'>, ChannelRule>> = {
  sum_to_channel: { term: (scope, node) => scope.value(node.inputs[0]!), result: (_scope, _node, sum) => `vw_round(${sum})` },
  channel_mean: { exact: true, term: (scope, node) => scope.value(node.inputs[0]!), result: mean },
  channel_variance: {
    term: (scope, node) => {
      const x = scope.value(node.inputs[0]!);
      const difference = scope.temporary(`${x} - ${scope.channel(node.inputs[1]!)}`);
      return `${difference} * ${difference}`;
    },
    result: mean,
  },
  batch_norm_weight_grad: {
    term: (scope, node) => {
      const x = scope.value(node.inputs[0]!);
      const dy = scope.value(node.inputs[1]!);
      return `${dy} * (${x} - ${scope.channel(node.inputs[2]!)})`;
    },
    result: (scope, node, sum) =>
      `vw_round(${sum}) / vf_sqrt(${scope.channel(node.inputs[3]!)} + vf_set(${floatLiteral(numberAttr(node.attrs, 'eps'))}))`,
  },
  layer_norm_weight_grad: {
    term: (scope, node) => {
      const [x, dy] = [scope.value(node.inputs[0]!), scope.value(node.inputs[1]!)];
      const statistics = scope.context.pointer(node.inputs[2]!);
      return `${dy} * ((${x} - vf_set(${statistics}[2 * row])) * vf_set(${statistics}[2 * row + 1]))`;
    },
    result: (_scope, _node, sum) => `vw_round(${sum})`,
  },
};

function channelRule({ op }: Node): ChannelRule {
  return CHANNEL[op as OpOfKind<'reduce'>];
}

/** From the partial sums of one task to the next, in doubles: whole vectors. */
function partialPitch(context: KernelContext, id: ValueId): number {
  const { lanes } = context.target;
  return Math.ceil(context.type(id).shape[0]! / lanes) * lanes;
}

/** Bytes of the partial sums of a channel sum. */
export function channelPartialBytes(context: KernelContext, id: ValueId): number {
  return MOST_TASKS * partialPitch(context, id) * 8;
}

/** The part of a channel sum that the loop over rows does: one partial sum per task, at `partial`. */
export function channelRoot(context: KernelContext, id: ValueId, partial: Place): Root {
  const node = context.node(id);
  const { exact = false, term } = channelRule(node);
  const name = (suffix: string) => `sum_${context.member(id)}${suffix}`;
  return {
    id,
    reads: node.inputs,
    sum: {
      declare: (suffix) => [`vw ${name(suffix)} = {{0}};`],
      ...(!exact && {
        declareBlock: (suffix) => [`vf block_${name(suffix)} = {0};`],
        endBlock: (suffix) => [`${name(suffix)} = vw_add(${name(suffix)}, block_${name(suffix)});`],
      }),
      finish: (inner, at, suffix) => [
        `store_vw(${inner.address(partial, 'double')} + task * ${partialPitch(inner, id)} + ${at.channel}, ${name(suffix)});`,
      ],
    },
    body: (scope) => {
      const [sum, value] = [name(scope.suffix), term(scope, node)];
      scope.statements.push(exact ? `${sum} = vw_add(${sum}, ${value});` : `block_${sum} += ${value};`);
    },
  };
}

/** Adds the partial sums in the order of their tasks and stores the result. */
export function finishChannel(context: KernelContext, id: ValueId, partial: Place, parts: number): string[] {
  const node = context.node(id);
  const channels = node.type.shape[0]!;
  const at: Position = { index: 'c', channel: 'c', lanes: 'n' };
  const scope = new Scope(context, at);
  scope.define(id, channelRule(node).result(scope, node, 'sum'));
  // The store rounds a result that nothing else of the group needs; `define` has rounded the others.
  scope.store(id);
  return [
    `for (int64_t c = 0; c < ${channels}; c += LANES) {`,
    `  const int64_t n = min64(LANES, ${channels} - c);`,
    '  vw sum = {{0}};',
    `  for (int64_t part = 0; part < ${parts}; part++) sum = vw_plus(sum, load_vw(${context.address(partial, 'double')} + part * ${partialPitch(context, id)} + c));`,
    ...indent(scope.statements),
    '}',
  ];
}

/** The part of `all_finite` or `global_norm` that the loop of one operand does; its partial sums are at `partial`, one per task. */
export function totalRoot(context: KernelContext, id: ValueId, operand: ValueId, partial: Place): Root {
  const finite = context.node(id).op === 'all_finite';
  const name = (suffix: string) => `total_${context.member(operand)}${suffix}`;
  return {
    id,
    reads: [operand],
    sum: {
      declare: (suffix) => [finite ? `vi ${name(suffix)} = vi_set(-1);` : `vw ${name(suffix)} = {{0}};`],
      finish: (inner, _at, suffix) => {
        const address = `${inner.address(partial, 'double')}[task]`;
        return [finite ? `${address} = vi_all(${name(suffix)});` : `${address} = vw_sum(${name(suffix)});`];
      },
    },
    body: (scope) => {
      const value = scope.value(operand);
      const counted = scope.at.lanes === undefined ? value : scope.temporary(`vf_first(${value}, ${scope.at.lanes}, 0.0f)`);
      const total = name(scope.suffix);
      scope.statements.push(finite ? `${total} &= vf_is_finite(${counted});` : `${total} = vw_add_square(${total}, ${counted});`);
    },
  };
}

/** Joins the parts of all operands, in order. They lie behind one another from `place` on, each with room for MOST_TASKS. */
export function finishTotal(context: KernelContext, id: ValueId, place: Place, parts: readonly number[]): string[] {
  const finite = context.node(id).op === 'all_finite';
  const partial = `partial[operand * ${MOST_TASKS} + part]`;
  return [
    `static const uint8_t parts[] = {${parts.join(', ')}};`,
    `const double *const partial = ${context.address(place, 'double')};`,
    `double total = ${finite ? '1.0' : '0.0'};`,
    `for (int64_t operand = 0; operand < ${parts.length}; operand++)`,
    `  for (int64_t part = 0; part < parts[operand]; part++) ${finite ? `total *= ${partial}` : `total += ${partial}`};`,
    `*${context.output(id)} = ${finite ? 'total != 0.0' : 'norm_f32(total)'};`,
  ];
}
