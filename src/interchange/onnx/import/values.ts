import { permuted } from '../../permuted.js';
import { type Constant, refuse } from './tensors.js';

/** Features that are a flattened image of ampc, channels last, where the model's own have them first. */
export type FlatImage = readonly [height: number, width: number, channels: number];

/**
 * A value of the network. ONNX's axes are found among ampc's: axis i of ONNX is axis places[i], the batch included, or none where it has
 * size 1 and ampc's value does not have it (-1).
 */
export interface Value {
  readonly kind: 'value';
  readonly id: number;
  /** By axis of ONNX. */
  readonly shape: readonly number[];
  readonly places: readonly number[];
  readonly flat?: FlatImage;
  /** What the pixels are behind a first part of the network that only shifts and scales them, a channel each. */
  readonly pixels?: Pixels;
}

/** x = scale * pixel + shift, of pixels from 0 to 255. */
export interface Pixels {
  readonly scale: readonly number[];
  readonly shift: readonly number[];
}

/**
 * A value of the network that does not begin with the batch, or has it joined with what is beside it: an axis of ONNX is any number of
 * axes of ampc, in that order. Attention as PyTorch writes it has such values.
 */
export interface Grouped {
  readonly kind: 'grouped';
  readonly id: number;
  /** By axis of ONNX. */
  readonly shape: readonly number[];
  /** By axis of ampc, the batch first. */
  readonly sizes: readonly number[];
  /** Axes of ampc by axis of ONNX. */
  readonly groups: readonly (readonly number[])[];
}

export type Operand = Value | Grouped | Constant;

/** Images as ONNX has them, and where ampc has their axes. */
export const IMAGE_PLACES = [0, 3, 1, 2];

export const identity = (rank: number): readonly number[] => Array.from({ length: rank }, (_, axis) => axis);

export function samePlaces(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((place, i) => place === b[i]);
}

/** Axes that ampc's value has. */
export function rankOf({ places }: Value): number {
  return places.filter((place) => place >= 0).length;
}

/** The shape of ampc's value, the batch included. */
export function ampcShape({ shape, places }: Pick<Value, 'shape' | 'places'>): readonly number[] {
  const sizes: number[] = [];
  for (const [axis, place] of places.entries()) if (place >= 0) sizes[place] = shape[axis]!;
  return sizes;
}

/** Where ampc's value has an axis of ONNX, counted without the batch, as layers take it. */
export function layerAxis(value: Value, axis: number): number {
  const at = axis < 0 ? axis + value.shape.length : axis;
  const place = value.places[at] ?? refuse(`axis ${axis} is none of ${value.shape.length}`);
  if (place === 0) return refuse('it works along the batch');
  return place < 0 ? refuse(`axis ${axis} has size 1`) : place - 1;
}

/** Numbers for features, which are channels first in the model, in the order of ampc's flattened image. */
export function reorderFeatures(data: ArrayLike<number>, [height, width, channels]: FlatImage, others = 1): Float32Array {
  return permuted(data, [channels, height, width, others], [1, 2, 0, 3]);
}

/** A constant that has the same numbers for each image of a batch, with them once. */
export function onceForAll(constant: Constant, { shape }: Value): Constant {
  const [batch, ...inner] = constant.shape;
  if (constant.shape.length !== shape.length || batch !== shape[0] || batch === 1) return constant;
  const size = product(inner);
  const isSame = Array.from(constant.data).every((number, i) => number === constant.data[i % size]);
  return isSame ? { ...constant, shape: [1, ...inner], data: constant.data.slice(0, size) } : constant;
}

export const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);
