import type { Node, ValueId } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { type Code, emit } from '../code.js';
import { type ChannelReduction, REDUCTIONS } from '../formula/reduce.js';
import { type Leaves, Writer } from '../formula/render.js';
import { TOTALS, type Total } from '../formula/totals.js';
import { Locals, type Position } from './expression.js';
import type { KernelContext } from './kernel.js';
import { leavesAt } from './leaves.js';
import { MOST_TASKS, type Root } from './loops.js';
import type { Place } from './place.js';
import { C_RENDERER } from './render.js';
import { indent } from './text.js';

function reductionOf(node: Node): ChannelReduction {
  return REDUCTIONS[node.op as OpOfKind<'reduce'>](node);
}

/** Where the term of a node finds its operands, which have other shapes than the result. */
function termLeaves(locals: Locals, node: Node): Leaves {
  return { ...leavesAt(locals, node), operand: (index) => locals.value(node.inputs[index]!) };
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
  const { exact = false, term } = reductionOf(node);
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
        emit`store_vw(${inner.address(partial, 'double')} + task * ${partialPitch(inner, id)} + ${at.channel}, ${name(suffix)});`,
      ],
    },
    body: (locals) => {
      const [sum, value] = [name(locals.suffix), new Writer(C_RENDERER, termLeaves(locals, node)).write(term)];
      locals.statements.push(exact ? `${sum} = vw_add(${sum}, ${value});` : `block_${sum} += ${value};`);
    },
  };
}

/** Adds the partial sums in the order of their tasks and stores the result. */
export function finishChannel(context: KernelContext, id: ValueId, partial: Place, parts: number): Code[] {
  const node = context.node(id);
  const channels = node.type.shape[0]!;
  const at: Position = { index: 'c', channel: 'c', lanes: 'n' };
  const locals = new Locals(context, at);
  const { of, result } = reductionOf(node);
  const rows = elementCount(context.type(node.inputs[0]!).shape) / channels;
  locals.statements.push(`const vf total = ${of === 'mean' ? `vw_round(vw_times(sum, 1.0 / ${rows}))` : 'vw_round(sum)'};`);
  locals.define(id, new Writer(C_RENDERER, leavesAt(locals, node)).write(result));
  // The store rounds a result that nothing else of the group needs; `define` has rounded the others.
  locals.store(id);
  const sums = context.address(partial, 'double');
  return [
    emit`for (int64_t c = 0; c < ${channels}; c += LANES) {`,
    emit`  const int64_t n = min64(LANES, ${channels} - c);`,
    '  vw sum = {{0}};',
    emit`  for (int64_t part = 0; part < ${parts}; part++)`,
    emit`    sum = vw_plus(sum, load_vw(${sums} + part * ${partialPitch(context, id)} + c));`,
    ...indent(locals.statements),
    '}',
  ];
}

function totalOf(node: Node): Total {
  return TOTALS[node.op as OpOfKind<'total'>];
}

/** The part of a total that the loop of one operand does; its partial sums are at `partial`, one per task. */
export function totalRoot(context: KernelContext, id: ValueId, operand: ValueId, partial: Place): Root {
  const node = context.node(id);
  const { of, term } = totalOf(node);
  const name = (suffix: string) => `total_${context.member(operand)}${suffix}`;
  return {
    id,
    reads: [operand],
    sum: {
      declare: (suffix) => [of === 'all' ? `vi ${name(suffix)} = vi_set(-1);` : `vw ${name(suffix)} = {{0}};`],
      finish: (inner, _at, suffix) => {
        const address = `${inner.address(partial, 'double')}[task]`;
        return [of === 'all' ? `${address} = vi_all(${name(suffix)});` : `${address} = vw_sum(${name(suffix)});`];
      },
    },
    body: (locals) => {
      const value = locals.value(operand);
      const counted = locals.at.lanes === undefined ? value : locals.temporary(`vf_first(${value}, ${locals.at.lanes}, 0.0f)`);
      const total = name(locals.suffix);
      const text = new Writer(C_RENDERER, { ...leavesAt(locals, node), operand: () => counted }).write(term);
      locals.statements.push(of === 'all' ? `${total} &= ${text};` : `${total} = vw_add_square(${total}, ${text});`);
    },
  };
}

/** Joins the parts of all operands, in order. They lie behind one another from `place` on, each with room for MOST_TASKS. */
export function finishTotal(context: KernelContext, id: ValueId, place: Place, parts: readonly number[]): Code[] {
  const all = totalOf(context.node(id)).of === 'all';
  const partial = emit`partial[operand * ${MOST_TASKS} + part]`;
  return [
    `static const uint8_t parts[] = {${parts.join(', ')}};`,
    `const double *const partial = ${context.address(place, 'double')};`,
    `double total = ${all ? '1.0' : '0.0'};`,
    emit`for (int64_t operand = 0; operand < ${parts.length}; operand++)`,
    emit`  for (int64_t part = 0; part < parts[operand]; part++) ${all ? emit`total *= ${partial}` : emit`total += ${partial}`};`,
    `*${context.output(id)} = ${all ? 'total != 0.0' : 'norm_f32(total)'};`,
  ];
}
