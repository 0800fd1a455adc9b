import type { ValueId } from '../../ir/types.js';
import { numberAttr } from '../../ir/types.js';
import type { GroupContext } from './context.js';
import { type Dispatch, KernelBuilder } from './kernel.js';
import { Scope } from './scope.js';
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
    const scope = new Scope(context, kernel, { index: `(i / ${size}u * ${length * inner}u + ${start}u + i % ${size}u)` });
    scope.storeAt(context.place(id), type.dtype, scope.let(scope.loadAt(input, 'i')));
    start += size;
    return kernel.finishFlat(context.label([id]), context.count(input), context.target.limits, scope.lines);
  });
}
