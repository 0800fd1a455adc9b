import { assertNever, type Node, type TensorType, type ValueId } from '../ir/types.js';
import type { AxisMap, CopyMap, CopySource } from '../ops/copy-map.js';
import { simplestMap, strideOf } from '../ops/copy-map.js';
import { copyMap } from '../ops/index.js';
import { type Code, emit, fixed, joined } from './code.js';

/** Where the elements of a node that moves them come from. */
export function mapOf(context: { type(id: ValueId): TensorType }, node: Node): CopyMap {
  return simplestMap(
    copyMap(
      node,
      node.inputs.map((id) => context.type(id)),
    ),
  );
}

/** How a target writes whole numbers, which have a sign; + - * / % and comparisons are as in C. */
export interface IndexWriter {
  /** Declares a number ahead. Returns its name. */
  declare(text: Code): string;
  select(condition: Code, yes: Code, no: Code): Code;
}

/** A whole number that may lie outside a tensor; `inside`: the condition that it does not, left out where it cannot. */
interface SourceIndex {
  readonly text: Code;
  readonly inside?: Code;
}

/** The sum, whose second number may be negative. */
export function plus(text: Code, shift: number): Code {
  return shift === 0 ? text : shift < 0 ? emit`${text} - ${-shift}` : emit`${text} + ${shift}`;
}

/** The index along a source's axis, from the result's index `i` along an axis of `length` elements. */
export function axisIndex({ size, divide, shift, beyond }: AxisMap, length: number, i: Code, writer: IndexWriter): SourceIndex {
  const last = Math.floor((length - 1) / divide) + shift;
  const moved = plus(divide === 1 ? i : emit`${i} / ${fixed(divide)}`, shift);
  if (beyond === 'never' || (shift >= 0 && last < size)) return { text: shift === 0 && divide === 1 ? i : emit`(${moved})` };
  const at = writer.declare(moved);
  const below = shift < 0 ? `${at} < 0` : undefined;
  const above = last >= size ? emit`${at} >= ${size}` : undefined;
  const within = (ifBelow: Code, ifAbove: Code): SourceIndex => {
    const upper = above === undefined ? at : writer.select(above, ifAbove, at);
    return { text: below === undefined ? upper : writer.select(below, ifBelow, upper) };
  };
  switch (beyond) {
    case 'leaves':
      return {
        text: at,
        inside: joined([...(below === undefined ? [] : [`${at} >= 0`]), ...(above === undefined ? [] : [emit`${at} < ${size}`])], ' && '),
      };
    case 'wraps':
      return within(emit`${at} + ${size}`, emit`${at} - ${size}`);
    case 'clamps':
      return within('0', emit`${size - 1}`);
    case 'reflects':
      return within(`-${at}`, emit`${2 * (size - 1)} - ${at}`);
    default:
      return assertNever(beyond);
  }
}

/** The number of an element of a source, from the result's index along each axis. Axes that `coordinate` gives nothing for count as 0. */
export function sourceElement(
  { shape }: CopyMap,
  { axes }: CopySource,
  coordinate: (axis: number) => Code | undefined,
  writer: IndexWriter,
): SourceIndex {
  const sizes = axes.map(({ size }) => size);
  const terms: Code[] = [];
  const conditions: Code[] = [];
  for (const [k, map] of axes.entries()) {
    const i = map.of === undefined ? undefined : coordinate(map.of);
    if (i === undefined) continue;
    const { text, inside } = axisIndex(map, shape[map.of!]!, i, writer);
    const stride = strideOf(sizes, k);
    terms.push(stride === 1 ? text : emit`${text} * ${stride}`);
    if (inside !== undefined) conditions.push(inside);
  }
  return {
    text: terms.length === 0 ? '0' : joined(terms, ' + '),
    ...(conditions.length > 0 && { inside: joined(conditions, ' && ') }),
  };
}

/** The index along an axis of the result, from the number of an element. */
export function coordinateOf(shape: readonly number[], axis: number, element: Code): Code {
  const stride = strideOf(shape, axis);
  const whole = stride === 1 ? element : emit`${element} / ${fixed(stride)}`;
  return axis === 0 ? (stride === 1 ? whole : emit`(${whole})`) : emit`(${whole} % ${fixed(shape[axis])})`;
}
