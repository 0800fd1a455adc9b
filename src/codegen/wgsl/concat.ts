import type { ValueId } from '../../ir/types.js';
import { numberAttr } from '../../ir/types.js';
import type { GroupContext } from './context.js';
import { type Dispatch, KernelBuilder } from './kernel.js';
import { Locals } from './locals.js';
import { axisSizes } from './windows.js';

/** `concat` of more values than a kernel may read: a kernel for each, which puts it into its place. */
export function emitConcatCopies(context: GroupContext, id: ValueId): Dispatch[] {
  const { inputs, attrs, type } = context.node(id);
  const axis = numberAttr(attrs, 'axis');
  const { length, inner } = axisSizes(context, id, axis);
  let start = 0;
  return inputs.map((input) => {
    const kernel = new KernelBuilder();
    const size = axisSizes(context, input, axis).length * inner;
    const locals = new Locals(context, kernel, { index: `(i / ${size}u * ${length * inner}u + ${start}u + i % ${size}u)` });
    locals.storeAt(context.place(id), type.dtype, locals.let(locals.loadAt(input, 'i')));
    start += size;
    return kernel.finishFlat(context.label([id]), context.count(input), context.target.limits, locals.lines);
  });
}
