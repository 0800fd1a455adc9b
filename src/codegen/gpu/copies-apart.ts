import type { ValueId } from '../../ir/types.js';
import { mapOf } from '../copy-index.js';
import type { GroupContext } from './context.js';
import { type Dispatch, finishFlat } from './kernel.js';
import { Locals } from './locals.js';

/**
 * A copy of more values than a kernel may read: a kernel for each, which puts it into its place. Each is a range of the last axis of the
 * simplest map.
 */
export function emitCopiesApart(context: GroupContext, id: ValueId): Dispatch[] {
  const node = context.node(id);
  const map = mapOf(context, node);
  const length = map.shape.at(-1)!;
  return map.sources.map(({ operand, axes }) => {
    const input = node.inputs[operand]!;
    const kernel = context.newKernel();
    const { size, shift } = axes.at(-1)!;
    const locals = new Locals(context, kernel, { index: `(i / ${size}u * ${length}u + ${-shift}u + i % ${size}u)` });
    locals.storeAt(context.place(id), node.type.dtype, locals.let(locals.loadAt(input, 'i')));
    return finishFlat(kernel, context.label([id]), context.count(input), context.target.limits, locals.lines);
  });
}
