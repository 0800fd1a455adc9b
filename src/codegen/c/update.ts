import type { Node } from '../../ir/types.js';
import { isLow, stringsAttr } from '../../ir/types.js';
import { type OpOfKind, opDefinition } from '../../ops/index.js';
import { type Code, emit } from '../code.js';
import { updateStatements } from '../formula/branches.js';
import type { Leaves } from '../formula/render.js';
import { atom } from '../formula/text.js';
import { COUNTERS, UPDATES } from '../formula/update.js';
import type { Locals } from './expression.js';
import type { KernelContext } from './kernel.js';
import { leavesAt } from './leaves.js';
import type { Root } from './loops.js';
import { C_RENDERER, typeOf } from './render.js';

/** New contents of the states that a node writes, lane by lane. */
function writeStates(locals: Locals, node: Node): void {
  const { context, at } = locals;
  const names = stringsAttr(node.attrs, 'writes');
  const part = at.lanes === undefined ? '' : '_part';
  const lanes = at.lanes === undefined ? '' : `, ${at.lanes}`;
  const isRead = context.isStored(node.id);
  const { dtype } = node.type;
  const result = () => `result${context.member(node.id)}${locals.suffix}`;
  const lines = updateStatements(C_RENDERER, leavesAt(locals, node), UPDATES[node.op as OpOfKind<'update'>](node), 'element', {
    store: (position, text) => {
      const { address, dtype: stored } = context.state(names[position]!);
      return emit`store_${stored}${part}(${address} + ${at.index}, ${text}${lanes});`;
    },
    after: (first) => (isRead && first !== undefined ? [`${result()} = ${isLow(dtype) ? `round_${dtype}(${first})` : first};`] : []),
  });
  if (isRead) locals.statements.push(`vf ${result()} = ${locals.operand(node.id, 0)};`);
  locals.statements.push(...lines);
  if (!isRead) return;
  locals.set(node.id, result());
  locals.store(node.id);
}

export function updateRoot(context: KernelContext, id: number): Root {
  const node = context.node(id);
  return { id, reads: node.inputs, body: (locals) => writeStates(locals, node) };
}

/** Where a formula of single numbers finds its operands: in variables of their names. */
function counterLeaves(context: KernelContext, node: Node, statements: Code[]): Leaves {
  const { operands } = opDefinition(node.op);
  const known = new Set<string>();
  const declare: Leaves['declare'] = (name, value, text, changes = false) => {
    statements.push(C_RENDERER.declare(name, value, text, changes));
    return name;
  };
  const none = () => {
    throw new Error(`${node.op} counts with single numbers`);
  };
  return {
    operand: none,
    channel: none,
    constants: none,
    element: none,
    column: none,
    ofRow: none,
    scalar: (index, type) => {
      const { name } = operands[index]!;
      if (!known.has(name))
        statements.push(`const ${typeOf({ type, extent: 'scalar' })} ${name} = *${context.pointer(node.inputs[index]!)};`);
      known.add(name);
      return atom(name);
    },
    declare,
    assign: (variable, text) => {
      statements.push(`${variable} = ${text};`);
    },
    hoist: (_value, write) => write(),
  };
}

/** Ops on the step's counters, as plain C statements. */
export function serialStatements(context: KernelContext, id: number): Code[] {
  const node = context.node(id);
  const names = stringsAttr(node.attrs, 'writes');
  const ahead: Code[] = [];
  const update = COUNTERS[node.op as OpOfKind<'counter'>](node);
  const lines = updateStatements(C_RENDERER, counterLeaves(context, node, ahead), update, 'scalar', {
    store: (position, text) => `*${context.state(names[position]!).address} = ${text};`,
  });
  const result = context.isStored(id) ? [`*${context.output(id)} = *${context.state(names[0]!).address};`] : [];
  return [...ahead, ...lines, ...result];
}
