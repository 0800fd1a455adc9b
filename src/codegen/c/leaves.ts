import type { Node } from '../../ir/types.js';
import type { Expression } from '../formula/expression.js';
import { atom, type Leaves } from '../formula/render.js';
import type { Scope } from './expression.js';
import { typeOf } from './render.js';
import { floatLiteral } from './text.js';

/** Tells apart what a node computes per channel from what others do: by its expression over values rather than operands. */
function keyOf(value: Expression, { inputs }: Node): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && 'index' in part ? { ...part, index: `%${inputs[Number(part.index)]}` } : part,
  );
}

/** Numbers of the channels: a literal when all are equal, else a table that may be read from any channel on. */
function channelConstants(scope: Scope, node: Node, name: string, values: readonly number[]): string {
  if (values.every((value) => value === values[0])) return `vf_set(${floatLiteral(values[0]!)})`;
  const channels = node.type.shape.at(-1)!;
  const entries = Array.from({ length: channels + scope.context.target.lanes }, (_, i) =>
    floatLiteral(values[(i % channels) % values.length]!),
  );
  const table = scope.table(`${name}${scope.context.member(node.id)}`, entries);
  return `load_f32(${table} + ${scope.channelIndex(channels)})`;
}

/** Where the formula of a node finds its values at the position of a scope. */
export function leavesAt(scope: Scope, node: Node): Leaves {
  const leaves: Leaves = {
    operand: (index) => scope.operand(node.id, index),
    channel: (index) => scope.channel(node.inputs[index]!),
    scalar: (index) => atom(scope.scalar(node.inputs[index]!)),
    constants: (name, values) => atom(channelConstants(scope, node, name, values)),
    element: () => scope.at.index,
    declare: (_name, value, text) => scope.temporary(text, typeOf(value)),
    assign: (variable, text) => {
      scope.statements.push(`${variable} = ${text};`);
    },
    hoist: (value, write) => {
      if (value.extent === 'scalar') return atom(scope.once(write(leaves).text, typeOf(value)));
      if (value.extent !== 'channel') return write(leaves);
      const channels = node.type.shape.at(-1)!;
      return atom(scope.perChannel(channels, keyOf(value, node), (inner) => write(leavesAt(inner, node)).text));
    },
  };
  return leaves;
}
