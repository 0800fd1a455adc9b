import { type Node, optionalNumberAttr, type ValueId } from '../../ir/types.js';
import { type Code, emit, spelled } from '../code.js';
import type { Expression } from '../formula/expression.js';
import type { Leaves } from '../formula/render.js';
import { atom } from '../formula/text.js';
import type { KernelContext } from './kernel.js';
import { typeOf } from './render.js';
import { floatLiteral } from './text.js';

/** What the formula of a node asks of the place where it is written: `Locals` is one. */
export interface ElementValues {
  readonly context: KernelContext;
  readonly at: { readonly index: Code; readonly lanes?: string };
  readonly statements: Code[];
  /** Operand `index` of a node as a `vf`. */
  operand(id: ValueId, index: number): string;
  /** An operand of one number per channel as a `vf`. */
  channel(id: ValueId): string;
  /** A scalar operand as a C float. */
  scalar(id: ValueId): string;
  /** Index of the first lane along a last axis of the given size. */
  channelIndex(channels: number): string;
  /** Declares a temporary of the given C type. */
  temporary(expression: Code, type: string): string;
  /** A number that is the same everywhere. */
  once(expression: string, type: string): string;
  /** A constant array of floats. Returns its name. */
  table(key: string, entries: readonly string[]): string;
  /** A `vf` that depends on the channel alone. */
  perChannel(channels: number, key: string, build: (inner: ElementValues) => Code): string;
}

/** Tells apart what a node computes per channel from what others do: by its expression over values rather than operands. */
function keyOf(value: Expression, { inputs }: Node): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && 'index' in part ? { ...part, index: emit`%${inputs[Number(part.index)]}` } : part,
  );
}

/** Numbers of the channels: a literal when all are equal, else a table that may be read from any channel on. */
function channelConstants(locals: ElementValues, node: Node, name: string, values: readonly number[]): string {
  if (values.every((value) => value === values[0])) return `vf_set(${floatLiteral(values[0]!)})`;
  // What leaves one number of a row has no channels of its own.
  const channels = node.type.shape.at(-1) ?? values.length;
  const entries = Array.from({ length: channels + locals.context.target.lanes }, (_, i) =>
    floatLiteral(values[(i % channels) % values.length]!),
  );
  const table = locals.table(`${name}${locals.context.member(node.id)}`, entries);
  return `load_f32(${table} + ${locals.channelIndex(channels)})`;
}

/** C text: what is added to the number of an element, as the whole batch counts it of which a rank has a part. */
export function startOf({ attrs }: Node): string {
  const first = optionalNumberAttr(attrs, 'first', 0);
  return first === 0 ? '' : ` + ${first}`;
}

/** Where the formula of a node finds its values at the position of its locals. */
export function leavesAt(locals: ElementValues, node: Node): Leaves {
  const leaves: Leaves = {
    operand: (index) => locals.operand(node.id, index),
    channel: (index) => locals.channel(node.inputs[index]!),
    scalar: (index) => atom(locals.scalar(node.inputs[index]!)),
    constants: (name, values) => atom(channelConstants(locals, node, name, values)),
    element: () => spelled(locals.at.index) + startOf(node),
    column: () => `(vi_lanes() + vi_set((int32_t)${locals.channelIndex(node.type.shape.at(-1) ?? 1)}))`,
    ofRow: (index, offset, of) => `${locals.context.pointer(node.inputs[index]!)}[${of} * row${offset === 0 ? '' : ` + ${offset}`}]`,
    declare: (_name, value, text) => locals.temporary(text, typeOf(value)),
    assign: (variable, text) => {
      locals.statements.push(`${variable} = ${text};`);
    },
    hoist: (value, write) => {
      if (value.extent === 'scalar') return atom(locals.once(write().text, typeOf(value)));
      if (value.extent !== 'channel') return write();
      const channels = node.type.shape.at(-1)!;
      return atom(locals.perChannel(channels, keyOf(value, node), (inner) => write(leavesAt(inner, node)).text));
    },
  };
  return leaves;
}
