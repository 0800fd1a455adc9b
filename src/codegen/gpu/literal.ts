import type { DType } from '../../ir/types.js';
import { formatOf } from './formats.js';
import type { Kernel } from './kernel.js';
import type { Place } from './layout.js';

export { floatLiteral } from './text.js';

/**
 * Expression of an element in memory, widened to f32. Where bytes are no type, those of an input are packed four to a word, and a computed
 * one has a word.
 */
export function loadExpression(kernel: Kernel, place: Place, dtype: DType, index: string): string {
  const { storage: type, inputBytes } = formatOf(kernel.formats, dtype);
  if (dtype === 'f32') return kernel.read(place, type, index);
  if (dtype === 'u8' && inputBytes === 1 && place.block === 'inputs')
    return `f32((${kernel.read(place, type, `(${index}) >> 2u`)} >> (((${index}) & 3u) * 8u)) & 0xffu)`;
  return `f32(${kernel.read(place, type, index)})`;
}
