import type { ValueId } from '../../ir/types.js';
import { isOfKind } from '../../ops/index.js';
import { type Code, emit } from '../code.js';
import type { KernelContext } from './kernel.js';

/**
 * Statement that asks for the cache line of an address before it is read or written. Tasks work on some channels of many positions, a few
 * lines here and a few there, which processors do not foresee by themselves. An address beyond the end of a buffer does no harm.
 */
export function askFor(address: Code): Code {
  return emit`__builtin_prefetch(${address});`;
}

/** Whether a value is in memory, with the given shape, before the group begins. */
export function isReadAt(context: KernelContext, id: ValueId, shape: readonly number[]): boolean {
  return !context.isMember(id) && context.hasPlace(id) && String(context.type(id).shape) === String(shape);
}

/** The values in memory that elementwise nodes of the group read and write where the anchor has its result; not what sums alone read. */
export function metWithResult(context: KernelContext): readonly ValueId[] {
  const { shape } = context.anchor.type;
  const members = context.group.nodes.filter((id) => !isOfKind(context.node(id).op, 'reduce'));
  const behind = members.filter((id) => id !== context.anchor.id);
  const read = behind.flatMap((id) => context.node(id).inputs.filter((input) => isReadAt(context, input, shape)));
  const written = members.filter((id) => context.hasPlace(id) && String(context.type(id).shape) === String(shape));
  return [...new Set([...read, ...written])];
}
