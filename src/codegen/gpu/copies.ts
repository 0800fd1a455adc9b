import type { Node } from '../../ir/types.js';
import { spelled } from '../code.js';
import { coordinateOf, mapOf, sourceElement } from '../copy-index.js';
import type { ElementValues } from './element-values.js';
import { floatLiteral } from './literal.js';
import { indexWriter } from './taps.js';

/** The f32 at the locals' element of a node that moves elements, from operands in memory. */
export function copiedElement(locals: ElementValues, node: Node): string {
  const map = mapOf(locals.context, node);
  const element = locals.once('element', () => `i32(${locals.at.index})`);
  const coordinate = (axis: number) => locals.once(`index ${map.shape} ${axis}`, () => spelled(coordinateOf(map.shape, axis, element)));
  const found = map.sources.map((source) => {
    const { text, inside } = sourceElement(map, source, coordinate, indexWriter(locals.kernel, locals.lines));
    return { load: locals.loadAt(node.inputs[source.operand]!, `u32(${spelled(text)})`), inside };
  });
  const [first] = found;
  if (first !== undefined && first.inside === undefined) return first.load;
  const result = locals.kernel.name('part');
  locals.lines.push(`var ${result} = ${floatLiteral(map.fill, locals.kernel.helper)};`);
  for (const [i, { load, inside }] of found.entries())
    locals.lines.push(`${i === 0 ? '' : 'else '}${inside === undefined ? '' : `if (${spelled(inside)}) `}{ ${result} = ${load}; }`);
  return result;
}
