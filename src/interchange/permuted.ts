import { elementCount, type Shape } from '../ir/types.js';

/** Row-major elements with their axes in another order: axis k of the result is axis axes[k]. */
export function permuted(data: ArrayLike<number>, shape: Shape, axes: readonly number[]): Float32Array {
  const sizes = axes.map((axis) => shape[axis]!);
  const steps = axes.map((axis) => elementCount(shape.slice(axis + 1)));
  const result = new Float32Array(data.length);
  const at = sizes.map(() => 0);
  let from = 0;
  for (let to = 0; to < result.length; to += 1) {
    result[to] = data[from]!;
    for (let axis = sizes.length - 1; axis >= 0; axis -= 1) {
      from += steps[axis]!;
      at[axis]! += 1;
      if (at[axis]! < sizes[axis]!) break;
      from -= sizes[axis]! * steps[axis]!;
      at[axis] = 0;
    }
  }
  return result;
}
