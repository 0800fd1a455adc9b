import { isConstant } from '../../ir/structure.js';
import type { ValueId } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { axesSizes } from '../../ops/reductions.js';
import { type Code, emit } from '../code.js';
import { AXES_REDUCTIONS, type AxesReduction } from '../formula/axes.js';
import { Writer } from '../formula/render.js';
import { Locals, type Position } from './expression.js';
import { asNumber } from './formats.js';
import type { KernelContext } from './kernel.js';
import { leavesAt } from './leaves.js';
import { eachVector, type LoopFunction, loopFunction, partLength } from './loops.js';
import { C_RENDERER } from './render.js';
import { floatLiteral, indent } from './text.js';

/** C of one accumulator in vectors, `total`. */
interface Accumulator {
  readonly declare: string;
  /** Statement that takes in a vector. */
  readonly take: (value: string) => string;
  /** What the lanes that do not count hold. */
  readonly fill: string;
  /** The result of each lane, a `vf`, and that of all lanes, a float. */
  readonly lanes: Code;
  readonly all: Code;
}

function accumulatorOf(of: AxesReduction['of'], length: number): Accumulator {
  if (of === 'largest') {
    const take = (value: string) => `total = vf_max(total, ${value});`;
    return { declare: 'vf total = vf_set(-INFINITY);', take, fill: '-INFINITY', lanes: 'total', all: 'vf_max_lane(total)' };
  }
  const mean = of === 'mean';
  return {
    declare: 'vw total = {{0}};',
    take: (value) => `total = vw_add(total, ${value});`,
    fill: '0.0f',
    lanes: mean ? `vw_round(vw_times(total, 1.0 / ${length}))` : 'vw_round(total)',
    all: mean ? `(float)(vw_sum(total) / ${length})` : '(float)vw_sum(total)',
  };
}

/** The term at a position; operands of the result's shape are at hand in variables. */
function termAt(context: KernelContext, id: ValueId, at: Position, others: readonly string[]): { lines: readonly Code[]; value: string } {
  const node = context.node(id);
  const locals = new Locals(context, at);
  const operand = (index: number) => (index === 0 ? locals.load(node.inputs[0]!) : others[index - 1]!);
  const { term } = AXES_REDUCTIONS[node.op as OpOfKind<'axes'>];
  const value = new Writer(C_RENDERER, { ...leavesAt(locals, node), operand }).write(term);
  return { lines: locals.statements, value };
}

/** Nothing behind the axes: each result is of consecutive elements, a vector at a time. */
function alongRow(context: KernelContext, id: ValueId, length: number): Code[] {
  const node = context.node(id);
  const { declare, take, fill, all } = accumulatorOf(AXES_REDUCTIONS[node.op as OpOfKind<'axes'>].of, length);
  const others = node.inputs.slice(1).map((input, i) => {
    const other = context.node(input);
    const { attrs, type } = other;
    const number = isConstant(other) ? floatLiteral(Number(attrs.value)) : asNumber(type.dtype, `${context.pointer(input)}[place]`);
    return `const vf other_${i} = vf_set(${number});`;
  });
  const result = new Locals(context, { index: 'place', channel: '0', lanes: '1' });
  result.define(id, 'vf_set(result)');
  result.store(id);
  return [
    'for (int64_t place = begin; place < end; place++) {',
    ...indent([
      ...others,
      declare,
      ...eachVector(length, context.target.lanes, (at) => {
        const { lines, value } = termAt(
          context,
          id,
          { ...at, index: emit`(place * ${length} + c)` },
          others.map((_, i) => `other_${i}`),
        );
        return [...lines, take(at.lanes === undefined ? value : `vf_first(${value}, ${at.lanes}, ${fill})`)];
      }),
      emit`const float result = ${all};`,
      ...result.statements,
    ]),
    '}',
  ];
}

/** Results side by side, a vector of them at a time, over what is along the axes. */
function acrossRows(context: KernelContext, id: ValueId, length: number, inner: number): Code[] {
  const node = context.node(id);
  const { declare, take, lanes: result } = accumulatorOf(AXES_REDUCTIONS[node.op as OpOfKind<'axes'>].of, length);
  const vectors = Math.ceil(inner / context.target.lanes);
  const body = (lanes?: string): Code[] => {
    const part = lanes === undefined ? {} : { lanes };
    const place = new Locals(context, { index: emit`(outer * ${inner} + c)`, channel: 'c', ...part }, { suffix: '_y' });
    const others = node.inputs.slice(1).map((input) => place.load(input));
    const before = place.statements.splice(0);
    const { lines, value } = termAt(
      context,
      id,
      { index: emit`((outer * ${length} + row) * ${inner} + c)`, channel: 'c', ...part },
      others,
    );
    place.define(id, result);
    place.store(id);
    return [
      ...before,
      declare,
      emit`for (int64_t row = 0; row < ${length}; row++) {`,
      ...indent([...lines, take(value)]),
      '}',
      ...place.statements,
    ];
  };
  const rest = inner % context.target.lanes;
  const tail = [emit`const int64_t n = ${rest};`, ...body('n')];
  const lines =
    rest === 0 ? body() : vectors === 1 ? tail : [emit`if (c + LANES <= ${inner}) {`, ...indent(body()), '} else {', ...indent(tail), '}'];
  return [
    'for (int64_t unit = begin; unit < end; unit++) {',
    `  const int64_t outer = unit / ${vectors}, c = unit % ${vectors} * LANES;`,
    ...indent(lines),
    '}',
  ];
}

/** A number of all elements along some axes; every task has results of its own. */
export function axesFunction(context: KernelContext, id: ValueId): LoopFunction {
  const node = context.node(id);
  const { outer, length, inner } = axesSizes(context.type(node.inputs[0]!).shape, node.attrs);
  const { lanes } = context.target;
  const range = inner === 1 ? outer : outer * Math.ceil(inner / lanes);
  const lines = inner === 1 ? alongRow(context, id, length) : acrossRows(context, id, length, inner);
  return { code: loopFunction(lines), table: context.table, range, part: partLength(range, length * Math.min(inner, lanes), 1) };
}
