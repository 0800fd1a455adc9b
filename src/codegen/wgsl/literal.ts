import type { DType } from '../../ir/types.js';
import { storageType } from './formats.js';
import type { KernelBuilder } from './kernel.js';
import type { Place } from './layout.js';

export { floatLiteral } from './text.js';

/** Expression of an element in memory, widened to f32. Bytes of an input are packed four to a word; a computed byte has a word. */
export function loadExpression(kernel: KernelBuilder, place: Place, dtype: DType, index: string): string {
  const type = storageType(dtype);
  if (dtype === 'f32') return kernel.read(place, type, index);
  if (dtype === 'u8' && place.block === 'inputs')
    return `f32((${kernel.read(place, type, `(${index}) >> 2u`)} >> (((${index}) & 3u) * 8u)) & 0xffu)`;
  return `f32(${kernel.read(place, type, index)})`;
}
