import type { ValueId } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { axesSizes } from '../../ops/reductions.js';
import { AXES_REDUCTIONS, type AxesReduction } from '../formula/axes.js';
import { Writer } from '../formula/render.js';
import type { GroupContext } from './context.js';
import { type Dispatch, finishFlat, indent, type Kernel } from './kernel.js';
import { alignTo, type Place } from './layout.js';
import { leavesAt } from './leaves.js';
import { floatLiteral } from './literal.js';
import { Locals } from './locals.js';

/** Invocations that keep a device busy. */
const ENOUGH = 16384;
const MOST_PARTS = 256;

/** WGSL of one accumulator, the variable `total`. */
interface Accumulator {
  readonly start: string;
  /** What it is behind a term, and behind another accumulator of the same kind. */
  readonly take: (term: string) => string;
  readonly join: (other: string) => string;
  readonly result: () => string;
  /** Of a pair: the sum, and what its additions rounded off. */
  readonly parts: readonly string[];
}

function accumulatorOf(of: AxesReduction['of'], length: number, { helper }: Kernel): Accumulator {
  if (of === 'largest') {
    const larger = (value: string) => `${helper('larger')}(total, ${value})`;
    return { start: `-${helper('inf')}()`, take: larger, join: larger, result: () => 'total', parts: ['total'] };
  }
  // Terms of a mean are scaled so that their sum is no larger than the largest of them; by a power of two, so nothing is rounded.
  const scale = of === 'mean' ? 2 ** -Math.ceil(Math.log2(length)) : 1;
  return {
    start: 'vec2f()',
    take: (term) => `${helper('add_term')}(total, ${scale === 1 ? term : `${helper('keep')}((${term}) * ${floatLiteral(scale, helper)})`})`,
    join: (other) => `${helper('add_pair')}(total, ${other})`,
    result: () => (of === 'mean' ? `${helper('mean_of')}(total, ${floatLiteral(length * scale, helper)})` : `${helper('sum_of')}(total)`),
    parts: ['total.x', 'total.y'],
  };
}

/**
 * Every invocation takes in one part of what is along the axes, for one result; where there are several parts, a second kernel joins them
 * in order.
 */
export function emitAxesReduction(context: GroupContext, id: ValueId): Dispatch[] {
  const node = context.node(id);
  const { term, of } = AXES_REDUCTIONS[node.op as OpOfKind<'axes'>];
  const { limits } = context.target;
  const { outer, length, inner } = axesSizes(context.type(node.inputs[0]!).shape, node.attrs);
  const places = outer * inner;
  const step = Math.ceil(length / Math.min(MOST_PARTS, length, Math.max(1, Math.ceil(ENOUGH / places))));
  const parts = Math.ceil(length / step);

  const kernel = context.newKernel();
  const accumulator = accumulatorOf(of, length, kernel);
  const others = new Locals(context, kernel, { index: 'place' });
  const values = node.inputs.slice(1).map((input) => others.load(input));
  const at = new Locals(context, kernel, { index: 'at' });
  const operand = (index: number) => (index === 0 ? at.load(node.inputs[0]!) : values[index - 1]!);
  const added = new Writer(kernel.renderer, { ...leavesAt(at, node), operand }).write(term);
  const lines = [
    `let place = i % ${places}u;`,
    `let part = i / ${places}u;`,
    ...others.lines,
    `let start = place / ${inner}u * ${length * inner}u + place % ${inner}u;`,
    `var total = ${accumulator.start};`,
    `for (var row = part * ${step}u; row < min(${length}u, (part + 1u) * ${step}u); row++) {`,
    `  let at = start + row * ${inner}u;`,
    ...indent([...at.lines, `total = ${accumulator.take(added)};`]),
    '}',
  ];
  const store = (into: Kernel, { result }: Accumulator): string[] => {
    const locals = new Locals(context, into, { index: 'i' });
    locals.define(id, result());
    locals.store(id);
    return locals.lines;
  };
  if (parts === 1) return [finishFlat(kernel, context.label([id]), places, limits, [...lines, ...store(kernel, accumulator)])];

  const bytes = alignTo(parts * places * 4, limits.offsetAlignment);
  const both = context.reserve(accumulator.parts.length * bytes);
  const planes = accumulator.parts.map((_, plane): Place => ({ ...both, offset: both.offset + plane * bytes, bytes }));
  const stores = accumulator.parts.map((part, plane) => `${kernel.write(planes[plane]!, 'f32')}[i] = ${part};`);
  const join = context.newKernel();
  const joined = accumulatorOf(of, length, join);
  const read = planes.map((plane) => join.read(plane, 'f32', `part * ${places}u + i`));
  const other = read.length === 1 ? read[0]! : `vec2f(${read.join(', ')})`;
  return [
    finishFlat(kernel, context.label([id]), parts * places, limits, [...lines, ...stores]),
    finishFlat(join, `${context.label([id])}, parts`, places, limits, [
      `var total = ${joined.start};`,
      `for (var part = 0u; part < ${parts}u; part++) { total = ${joined.join(other)}; }`,
      ...store(join, joined),
    ]),
  ];
}
