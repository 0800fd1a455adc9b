import type { Attrs, Shape, TensorType } from '../ir/types.js';
import { elementCount, numbersAttr } from '../ir/types.js';
import { constrain, type OpDefinition, type SampleRandom } from './op.js';
import { f32, sampleChannels } from './sample.js';
import { windowOutput } from './window.js';

export const POOL_ATTRS = {
  window: { kind: 'numbers', doc: 'rows, columns' },
  stride: { kind: 'numbers', doc: 'rows, columns' },
  padding: { kind: 'numbers', doc: 'top, bottom, left, right' },
} as const satisfies OpDefinition['attrs'];

export const SIZE_ATTR = { size: { kind: 'numbers', doc: "the input's height and width" } } as const satisfies OpDefinition['attrs'];

/** From tap to tap: pools have no gaps. */
const NOT_DILATED = [1, 1] as const;

function poolWindow(attrs: Attrs): readonly [number, number] {
  const [rows, columns] = numbersAttr(attrs, 'window');
  return [rows, columns];
}

/** Constraint `<op>_c5`: every window holds at least one element that is not padding. */
export function checkPadding(op: string, shape: Shape, attrs: Attrs): void {
  const window = poolWindow(attrs);
  const [top, , left] = numbersAttr(attrs, 'padding');
  const stride = numbersAttr(attrs, 'stride');
  const results = windowOutput(op, shape, window, attrs, NOT_DILATED);
  const holds = ([top, left] as const).every(
    (before, axis) => before < window[axis]! && (results[axis]! - 1) * stride[axis]! - before < shape[axis + 1]!,
  );
  constrain(holds, `${op}_c5`, () => `a ${window[0]}x${window[1]} window would hold padding alone`);
}

/** [batch, height, width, channels] of the pooled image; constraint `<op>_c4`. */
export function poolOutput(op: string, shape: Shape, attrs: Attrs): readonly number[] {
  const [height, width] = windowOutput(op, shape, poolWindow(attrs), attrs, NOT_DILATED);
  return [shape[0], height, width, shape[3]];
}

export function poolFlops(_types: readonly TensorType[], attrs: Attrs, result: TensorType): number {
  const [rows, columns] = poolWindow(attrs);
  return rows * columns * elementCount(result.shape);
}

export function samplePool(random: SampleRandom): { x: TensorType; attrs: Attrs } {
  const window = random.pick([
    [2, 2],
    [2, 2],
    [3, 3],
    [1, 2],
    [3, 2],
  ]);
  const stride = random.pick([window, window, [1, 1], [2, 2], [2, 1]]);
  // Behind the image less than a stride beyond half a window, as in ceil mode: every window begins within the image or before it.
  const behind = (axis: 0 | 1) => random.int(0, Math.min(window[axis], stride[axis]) - 1);
  const padding = random.pick([true, false]) ? [0, 0, 0, 0] : [window[0] >> 1, behind(0), 0, Math.max(behind(1), window[1] >> 1)];
  return { x: f32(random.int(1, 3), random.int(3, 8), random.int(3, 8), sampleChannels(random)), attrs: { window, stride, padding } };
}
