import type { LayerParam } from '../layer.js';
import { constrain } from '../op.js';
import { formatShape } from '../window.js';

/** The argument of layers that work along one axis. */
export const AXIS: LayerParam = {
  name: 'axis',
  kind: 'int',
  min: -4,
  max: 3,
  default: -1,
  doc: 'counted from 0 without the batch, or from -1 (channels) backwards',
};

/** Axes of a layer's argument as axes of its input: counted without the batch, or from -1 backwards. Errors have that label. */
export function resolveAxes(label: string, given: readonly number[], shape: readonly number[]): readonly number[] {
  const rank = shape.length - 1;
  const axes = given.map((axis) => (axis < 0 ? axis + rank : axis));
  const outside = given.find((_, i) => axes[i]! < 0 || axes[i]! >= rank);
  constrain(outside === undefined, label, () => `axis ${outside} is not an axis of ${formatShape(shape.slice(1))}`);
  constrain(new Set(axes).size === axes.length, label, () => `the axes ${formatShape(given)} name one twice`);
  return axes.map((axis) => axis + 1);
}

/** As `resolveAxes`, in the order of the input. */
export function resolveSorted(label: string, given: readonly number[], shape: readonly number[]): readonly number[] {
  return resolveAxes(label, given, shape).toSorted((a, b) => a - b);
}

/** As `resolveAxes`, of one axis. */
export function resolveAxis(label: string, given: number, shape: readonly number[]): number {
  return resolveAxes(label, [given], shape)[0]!;
}
