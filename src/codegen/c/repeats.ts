import { isConstant } from '../../ir/structure.js';
import type { Node } from '../../ir/types.js';
import { assertNever } from '../../ir/types.js';
import { type Code, emit } from '../code.js';
import { coordinateOf, type IndexWriter, mapOf, sourceElement } from '../copy-index.js';
import { asNumber, loaded } from './formats.js';
import { rootOf } from './group-values.js';
import type { KernelContext } from './kernel.js';
import type { ElementValues } from './leaves.js';
import { floatLiteral } from './text.js';

/**
 * What a node that only repeats its operand is to a loop over its elements: one number, a number for each channel, or neither. Then a
 * vector that stays within the last axis is one number in all lanes, or numbers that lie side by side.
 */
export type RepeatForm =
  | { readonly kind: 'scalar' | 'channel' }
  | { readonly kind: 'one' | 'vector'; readonly address: (element: Code, writer: IndexWriter) => Code };

export function repeatForm(context: KernelContext, node: Node): RepeatForm {
  const map = mapOf(context, node);
  const source = map.sources[0]!;
  const [first, ...others] = source.axes;
  if (first === undefined) return { kind: 'scalar' };
  const last = map.shape.length - 1;
  const sideBySide = source.axes.at(-1)!.of === last;
  if (others.length === 0 && sideBySide && first.size === node.type.shape.at(-1)) return { kind: 'channel' };
  return {
    kind: sideBySide ? 'vector' : 'one',
    address: (element, writer) => sourceElement(map, source, (axis) => coordinateOf(map.shape, axis, element), writer).text,
  };
}

/** A `vf` expression: the element of its operand that a node which only repeats it has at the position of the locals. */
export function repeatedElement(locals: ElementValues, node: Node): Code {
  const { context, at } = locals;
  const source = node.inputs[0]!;
  const form = repeatForm(context, node);
  switch (form.kind) {
    case 'scalar':
      return `vf_set(${locals.scalar(source)})`;
    case 'channel':
      return locals.channel(source);
    case 'one':
    case 'vector': {
      const { attrs, op, type } = context.node(rootOf(context.step.fn, source));
      if (isConstant({ op })) return `vf_set(${floatLiteral(Number(attrs.value))})`;
      const address = form.address(at.index, {
        declare: (text) => locals.temporary(text, 'int64_t'),
        select: (condition, yes, no) => emit`(${condition} ? ${yes} : ${no})`,
      });
      const pointer = context.pointer(source);
      return form.kind === 'one'
        ? emit`vf_set(${asNumber(type.dtype, emit`${pointer}[${address}]`)})`
        : loaded(type.dtype, emit`${pointer} + ${address}`, at.lanes);
    }
    default:
      return assertNever(form);
  }
}
