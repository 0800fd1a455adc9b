import type { ValueId } from '../../ir/types.js';
import { isLow, stringsAttr } from '../../ir/types.js';
import { isOfKind, type OpOfKind } from '../../ops/index.js';
import { spelled } from '../code.js';
import { updateStatements } from '../formula/branches.js';
import { COUNTERS, UPDATES } from '../formula/update.js';
import type { GroupContext } from './context.js';
import { type Dispatch, finishFlat } from './kernel.js';
import { leavesAt } from './leaves.js';
import { Locals, storedValue } from './locals.js';

const FORMULAS = { ...UPDATES, ...COUNTERS };

/** One op that writes states, element by element. */
export function emitUpdate(context: GroupContext, id: ValueId): Dispatch {
  const node = context.node(id);
  const kernel = context.newKernel();
  const locals = new Locals(context, kernel, { index: 'i' });
  const update = FORMULAS[node.op as OpOfKind<'update' | 'counter'>](node);
  const isStored = context.isStored(id);
  const names = stringsAttr(node.attrs, 'writes');
  const isCounter = isOfKind(node.op, 'counter');
  const { dtype } = node.type;
  const lines = updateStatements(kernel.renderer, leavesAt(locals, node), update, isCounter ? 'scalar' : 'element', {
    store: (position, text) => {
      const name = names[position]!;
      const { type } = context.states.slots.get(name)!;
      const storage = context.storageOf(type.dtype);
      return `${kernel.write(context.state(name), storage)}[i] = ${storedValue(storage, text)};`;
    },
    after: (first) => (isStored && first !== undefined ? [`result = ${isLow(dtype) ? kernel.rounded(dtype, first) : first};`] : []),
  });
  if (isStored) locals.lines.push(`var result = ${isCounter ? locals.scalar(node.inputs[0]!) : locals.operand(id, 0)};`);
  locals.lines.push(...lines.map((line) => spelled(line)));
  if (isStored) {
    locals.set(id, 'result');
    locals.store(id);
  }
  return finishFlat(kernel, context.label([id]), context.count(id), context.target.limits, locals.lines);
}
