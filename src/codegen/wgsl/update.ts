import type { ValueId } from '../../ir/types.js';
import { stringsAttr } from '../../ir/types.js';
import { isOfKind, type OpOfKind } from '../../ops/index.js';
import { updateStatements } from '../formula/branches.js';
import { COUNTERS, UPDATES } from '../formula/update.js';
import type { GroupContext } from './context.js';
import { storageType } from './formats.js';
import { type Dispatch, KernelBuilder } from './kernel.js';
import { leavesAt } from './leaves.js';
import { WGSL_RENDERER } from './render.js';
import { Scope } from './scope.js';

const FORMULAS = { ...UPDATES, ...COUNTERS };

/** One op that writes states, element by element. */
export function emitUpdate(context: GroupContext, id: ValueId): Dispatch {
  const node = context.node(id);
  const kernel = new KernelBuilder();
  const scope = new Scope(context, kernel, { index: 'i' });
  const update = FORMULAS[node.op as OpOfKind<'update' | 'counter'>](node);
  const isStored = context.isStored(id);
  const names = stringsAttr(node.attrs, 'writes');
  const isCounter = isOfKind(node.op, 'counter');
  const lines = updateStatements(WGSL_RENDERER, leavesAt(scope, node), update, isCounter ? 'scalar' : 'element', {
    store: (position, text) => {
      const name = names[position]!;
      const { type } = context.states.slots.get(name)!;
      return `${kernel.write(context.state(name), storageType(type.dtype))}[i] = ${text};`;
    },
    after: (first) => (isStored && first !== undefined ? [`result = ${first};`] : []),
  });
  if (isStored) scope.lines.push(`var result = ${isCounter ? scope.scalar(node.inputs[0]!) : scope.operand(id, 0)};`);
  scope.lines.push(...lines);
  if (isStored) {
    scope.set(id, 'result');
    scope.store(id);
  }
  return kernel.finishFlat(context.label([id]), context.count(id), context.target.limits, scope.lines);
}
