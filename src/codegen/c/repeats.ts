import type { Node } from '../../ir/types.js';
import { type CopyMap, simplestMap } from '../../ops/copy-map.js';
import { copyMap } from '../../ops/index.js';
import { coordinateOf, type IndexWriter, sourceElement } from '../copy-index.js';
import type { KernelContext } from './kernel.js';

/** Where the elements of a node that moves them come from. */
export function mapOf(context: KernelContext, node: Node): CopyMap {
  return simplestMap(
    copyMap(
      node,
      node.inputs.map((id) => context.type(id)),
    ),
  );
}

/**
 * What a node that only repeats its operand is to a loop over its elements: one number, a number for each channel, or neither. Then a
 * vector that stays within the last axis is one number in all lanes, or numbers that lie side by side.
 */
export type RepeatForm =
  | { readonly kind: 'scalar' | 'channel' }
  | { readonly kind: 'one' | 'vector'; readonly address: (element: string, writer: IndexWriter) => string };

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
