import type { Shape, TensorType } from '../ir/types.js';
import { elementCount, sameShape } from '../ir/types.js';
import { constrain } from './op.js';
import { formatShape } from './window.js';

/** Constraint `label`: all of `types` have the first one's shape. */
export function sameShapes(label: string, ...types: readonly TensorType[]): void {
  const first = types[0];
  for (const type of types) {
    constrain(
      sameShape(type.shape, first.shape),
      label,
      () => `the shapes ${formatShape(first.shape)} and ${formatShape(type.shape)} differ`,
    );
  }
}

/** Constraint `label`: `type` has `shape`. */
export function hasShape(label: string, name: string, type: TensorType, shape: Shape): void {
  constrain(sameShape(type.shape, shape), label, () => `${name} must be ${formatShape(shape)}, not ${formatShape(type.shape)}`);
}

/** Constraint `label`: `type` is an image. */
export function isImage(label: string, name: string, type: TensorType): void {
  constrain(
    type.shape.length === 4,
    label,
    () => `${name} must be an image [batch, height, width, channels], not ${formatShape(type.shape)}`,
  );
}

/** Constraint `label`: `type` is [rows, columns]. */
export function isMatrix(label: string, name: string, type: TensorType): void {
  constrain(type.shape.length === 2, label, () => `${name} must be [batch, features], not ${formatShape(type.shape)}`);
}

/** Constraint `label`: `type` is one number. */
export function isScalar(label: string, name: string, type: TensorType): void {
  constrain(type.shape.length === 0, label, () => `${name} must be a single number, not ${formatShape(type.shape)}`);
}

/** Constraint `label`: `type` has at least one axis; returns the size of the last. */
export function lastAxis(label: string, name: string, type: TensorType): number {
  constrain(type.shape.length > 0, label, () => `${name} needs at least one axis`);
  return type.shape[type.shape.length - 1];
}

export function elements(type: TensorType): number {
  return elementCount(type.shape);
}
