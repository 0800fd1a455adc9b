import { elementCount, type Shape } from '../../ir/types.js';

/** Calls `visit` with the number of each element of a tensor, in row-major order, and its index, which it may not keep. */
export function forEachElement(shape: Shape, visit: (element: number, index: readonly number[]) => void): void {
  const count = elementCount(shape);
  const index = shape.map(() => 0);
  for (let element = 0; element < count; element += 1) {
    visit(element, index);
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      index[axis] += 1;
      if (index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

/** The number of the element at an index. */
export function elementAt(shape: Shape, index: readonly number[]): number {
  let element = 0;
  for (let axis = 0; axis < shape.length; axis += 1) element = element * shape[axis] + index[axis];
  return element;
}

/** Of an axis of `size` elements with more around them: the element at place `i`, which may be outside. -1: a zero. */
export function paddedPlace(i: number, size: number, mode: string): number {
  if (i >= 0 && i < size) return i;
  if (mode === 'zero') return -1;
  const end = i < 0 ? 0 : size - 1;
  return mode === 'reflect' ? 2 * end - i : end;
}
