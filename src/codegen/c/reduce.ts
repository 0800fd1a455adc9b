import type { Node, ValueId } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import { type OpOfKind, opDefinition } from '../../ops/index.js';
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

/** The node of the group that is the variance about that mean, of the same values: what adds up the one knows the other as well. */
function varianceAbout(context: KernelContext, mean: ValueId): ValueId | undefined {
  const { op, inputs } = context.node(mean);
  if (opDefinition(op).plainMean !== true) return undefined;
  return context.group.nodes.find((id) => {
    const node = context.node(id);
    const about = opDefinition(node.op).aboutMean;
    return about !== undefined && node.inputs[about] === mean && node.inputs[0] === inputs[0];
  });
}

/** Channel sums of a group that one root adds up: a sum, or a mean and the variance about it. */
export interface ChannelPass {
  readonly ids: readonly ValueId[];
  /** Whether they are both found from moments: sums of deviations and of their squares. */
  readonly moments: boolean;
  readonly reads: readonly ValueId[];
}

/** What a channel sum is added up with; undefined for one that another's pass finds. */
export function channelPass(context: KernelContext, id: ValueId): ChannelPass | undefined {
  const node = context.node(id);
  const variance = varianceAbout(context, id);
  if (variance !== undefined) return { ids: [id, variance], moments: true, reads: node.inputs };
  const about = opDefinition(node.op).aboutMean;
  const mean = about === undefined ? undefined : node.inputs[about]!;
  const found = mean !== undefined && context.isMember(mean) && varianceAbout(context, mean) === id;
  return found ? undefined : { ids: [id], moments: false, reads: node.inputs };
}

/** Rows that partial sums are of: `count` parts of `length` rows, the last one shorter. */
export interface RowParts {
  readonly count: number;
  readonly length: number;
}

/** Where the partial sums of a pass are. */
export interface Partials {
  readonly place: Place;
  readonly pass: ChannelPass;
}

/** From the partial sums of one part to the next, in doubles: whole vectors. */
function partialPitch(context: KernelContext, { ids, moments }: ChannelPass): number {
  return channelPitch(context, ids[0]!) * (moments ? 2 : 1);
}

function channelPitch(context: KernelContext, id: ValueId): number {
  const { lanes } = context.target;
  return Math.ceil(context.type(id).shape[0]! / lanes) * lanes;
}

/** Reserves what the partial sums of so many parts take. */
export function reservePartials(context: KernelContext, pass: ChannelPass, parts = MOST_TASKS): Partials {
  return { pass, place: context.reserve(parts * partialPitch(context, pass) * 8) };
}

/** The part of channel sums that a loop over rows does: partial sums for each of its parts, which it calls `task`. */
export function channelRoot(context: KernelContext, { pass, place }: Partials): Root {
  const [id] = pass.ids as [ValueId];
  const node = context.node(id);
  const { exact = false, term } = reductionOf(node);
  const name = (suffix: string) => `sum_${context.member(id)}${suffix}`;
  const into = (inner: KernelContext, at: Position) =>
    emit`${inner.address(place, 'double')} + task * ${partialPitch(inner, pass)} + ${at.channel}`;
  if (pass.moments) {
    return {
      id,
      reads: pass.reads,
      sum: {
        declare: (suffix) => [`moments ${name(suffix)} = {{{0}}};`],
        finish: (inner, at, suffix) => [
          emit`store_moments(${into(inner, at)}, ${channelPitch(inner, id)}, ${name(suffix)}, (double)(end - begin));`,
        ],
      },
      body: (locals) => {
        const value = new Writer(C_RENDERER, termLeaves(locals, node)).write(term);
        locals.statements.push(`moments_add(&${name(locals.suffix)}, ${value}, row == begin);`);
      },
    };
  }
  return {
    id,
    reads: pass.reads,
    sum: {
      declare: (suffix) => [`vw ${name(suffix)} = {{0}};`],
      ...(!exact && {
        declareBlock: (suffix) => [`vf block_${name(suffix)} = {0};`],
        endBlock: (suffix) => [`${name(suffix)} = vw_add(${name(suffix)}, block_${name(suffix)});`],
      }),
      finish: (inner, at, suffix) => [emit`store_vw(${into(inner, at)}, ${name(suffix)});`],
    },
    body: (locals) => {
      const [sum, value] = [name(locals.suffix), new Writer(C_RENDERER, termLeaves(locals, node)).write(term)];
      locals.statements.push(exact ? `${sum} = vw_add(${sum}, ${value});` : `block_${sum} += ${value};`);
    },
  };
}

/** Statements that join the partial sums at channel `c` in the order of the parts, and make `total` what the result is made of. */
function joinParts(context: KernelContext, id: ValueId, { pass, place }: Partials, { count, length }: RowParts, rows: number): Code[] {
  const sums = context.address(place, 'double');
  const pitch = partialPitch(context, pass);
  const part = emit`${sums} + part * ${pitch} + c`;
  const each = emit`for (int64_t part = 0; part < ${count}; part++)`;
  if (!pass.moments) {
    const { of } = reductionOf(context.node(id));
    return [
      'vw sum = {{0}};',
      each,
      emit`  sum = vw_plus(sum, load_vw(${part}));`,
      `const vf total = ${of === 'mean' ? `vw_round(vw_times(sum, 1.0 / ${rows}))` : 'vw_round(sum)'};`,
    ];
  }
  const weight = emit`(double)min64(${length}, ${rows} - part * ${length})`;
  const mean = [
    'vw sum = {{0}};',
    each,
    emit`  sum = vw_plus(sum, vw_times(load_vw(${part}), ${weight}));`,
    emit`const vf mean = vw_round(vw_times(sum, 1.0 / ${rows}));`,
  ];
  if (id === pass.ids[0]) return [...mean, 'const vf total = mean;'];
  return [
    ...mean,
    'vw squares = {{0}};',
    emit`${each} {`,
    emit`  const vw off = vw_minus(load_vw(${part}), vw_of(mean)), within = load_vw(${part} + ${channelPitch(context, id)});`,
    emit`  squares = vw_plus(squares, vw_plus(within, vw_times(vw_mul(off, off), ${weight})));`,
    '}',
    emit`const vf total = vw_round(vw_times(squares, 1.0 / ${rows}));`,
  ];
}

/** Joins the partial sums of one result in the order of the parts, and stores it. */
export function finishChannel(context: KernelContext, id: ValueId, partials: Partials, parts: RowParts): Code[] {
  const node = context.node(id);
  const channels = node.type.shape[0]!;
  const at: Position = { index: 'c', channel: 'c', lanes: 'n' };
  const locals = new Locals(context, at);
  const rows = elementCount(context.type(node.inputs[0]!).shape) / channels;
  locals.statements.push(...joinParts(context, id, partials, parts, rows));
  locals.define(id, new Writer(C_RENDERER, leavesAt(locals, node)).write(reductionOf(node).result));
  // The store rounds a result that nothing else of the group needs; `define` has rounded the others.
  locals.store(id);
  return [
    emit`for (int64_t c = 0; c < ${channels}; c += LANES) {`,
    emit`  const int64_t n = min64(LANES, ${channels} - c);`,
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
