import type { Shape } from '../../ir/types.js';
import { constrain } from '../op.js';
import { formatShape } from '../window.js';

/** The first constraint of the op that a layer emits: its input is an image. */
export function needsImage(op: string, layer: string, shape: Shape): void {
  constrain(shape.length === 4, `${op}_c1`, () => `${layer} needs an image [height, width, channels], not ${formatShape(shape.slice(1))}`);
}
