import type { Node } from '../../ir/types.js';
import type { Leaves } from '../formula/render.js';
import { atom, BINDS } from '../formula/text.js';
import type { ElementValues } from './element-values.js';
import { floatLiteral } from './text.js';

/** Where the formula of a node finds its values at the element of its locals. */
export function leavesAt(locals: ElementValues, node: Node): Leaves {
  const literal = (value: number) => floatLiteral(value, locals.kernel.helper);
  const leaves: Leaves = {
    operand: (index) => locals.operand(node.id, index),
    channel: (index) => locals.perChannel(node.inputs[index]!),
    scalar: (index, type) => {
      const text = locals.scalar(node.inputs[index]!);
      return type === 'bool' ? { text: `${text} != 0u`, binds: BINDS.comparison } : atom(text);
    },
    constants: (_name, values) => {
      if (values.every((value) => value === values[0])) return atom(literal(values[0]!));
      const name = locals.kernel.name('table');
      locals.kernel.table(name, values.map(literal));
      return atom(`${name}[${locals.channel(values.length)}]`);
    },
    element: () => locals.at.index,
    column: () => `i32(${locals.channel(node.type.shape.at(-1) ?? 1)})`,
    ofRow: (index, offset, of) => locals.loadAt(node.inputs[index]!, `${of}u * row${offset === 0 ? '' : ` + ${offset}u`}`),
    declare: (_name, _value, text) => locals.let(text),
    assign: (variable, text) => {
      locals.lines.push(`${variable} = ${text};`);
    },
    // A number of the whole tensor has a variable; what varies by channel is computed where it is used.
    hoist: (value, write) => {
      const text = write();
      return value.extent === 'scalar' ? atom(locals.once(text.text, () => text.text)) : text;
    },
  };
  return leaves;
}
