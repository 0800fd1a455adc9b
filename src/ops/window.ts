import type { Attrs, Shape } from '../ir/types.js';
import { numbersAttr, sameShape } from '../ir/types.js';
import type { ArgValue } from './layer.js';
import { constrain } from './op.js';

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** A `pair` argument: one number stands for both directions. */
export function pair(value: ArgValue): [number, number] {
  if (typeof value === 'number') return [value, value];
  if (Array.isArray(value) && value.length === 2) return [value[0] as number, value[1] as number];
  throw new Error(`not a pair: ${String(value)}`);
}

/** Top, bottom, left, right. `same` gives ceil(size / stride) outputs, with the odd zero at the bottom and right (as TensorFlow). */
export function resolvePadding(
  value: ArgValue,
  shape: Shape,
  kernel: readonly [number, number],
  stride: readonly [number, number],
): [number, number, number, number] {
  if (value === 'valid') return [0, 0, 0, 0];
  if (value === 'same') {
    const total = ([0, 1] as const).map((axis) => {
      const size = shape[axis + 1]!;
      return Math.max(0, (Math.ceil(size / stride[axis]) - 1) * stride[axis] + kernel[axis] - size);
    }) as [number, number];
    const half = total.map((t) => Math.floor(t / 2)) as [number, number];
    return [half[0], total[0] - half[0], half[1], total[1] - half[1]];
  }
  const [rows, columns] = pair(value);
  return [rows, rows, columns, columns];
}

export function windowAttrs(stride: readonly number[], padding: readonly number[]): Attrs {
  return { stride, padding };
}

/** From tap to tap of a window; 1 where nothing is said. */
export function dilationOf(attrs: Attrs): readonly [number, number] {
  const [rows, columns] = attrs.dilation === undefined ? [1, 1] : numbersAttr(attrs, 'dilation');
  return [rows!, columns!];
}

/** Rows and columns of the image that a window spans. */
export function reach(kernel: readonly [number, number], [rows, columns]: readonly [number, number]): [number, number] {
  return [(kernel[0] - 1) * rows + 1, (kernel[1] - 1) * columns + 1];
}

/** Output height and width of a sliding window; constraint `<op>_c4`: the window fits the padded input. */
export function windowOutput(
  op: string,
  shape: Shape,
  kernel: readonly [number, number],
  attrs: Attrs,
  dilation = dilationOf(attrs),
): [number, number] {
  const stride = numbersAttr(attrs, 'stride');
  const [top, bottom, left, right] = numbersAttr(attrs, 'padding') as [number, number, number, number];
  const padded = [shape[1]! + top + bottom, shape[2]! + left + right] as const;
  const spans = reach(kernel, dilation);
  constrain(spans[0] <= padded[0] && spans[1] <= padded[1], `${op}_c4`, () => {
    const dilated = sameShape(spans, kernel) ? '' : `, which spans ${spans[0]}x${spans[1]} with its dilation,`;
    return `the ${kernel[0]}x${kernel[1]} window${dilated} is larger than its ${padded[0]}x${padded[1]} input (padding included)`;
  });
  return [Math.floor((padded[0] - spans[0]) / stride[0]!) + 1, Math.floor((padded[1] - spans[1]) / stride[1]!) + 1];
}
