import { permuted } from '../../permuted.js';
import type { NodeView } from './node.js';
import { type Constant, refuse } from './tensors.js';
import { product } from './values.js';

type Fold = (node: NodeView) => Constant | undefined;

const make = (
  shape: readonly number[],
  data: ArrayLike<number>,
  { isFloat, name = '' }: { isFloat: boolean; name?: string },
): Constant => ({
  kind: 'constant',
  name,
  shape,
  isFloat,
  data: isFloat ? Float32Array.from(data) : Array.from(data),
});

const first = (node: NodeView): Constant | undefined => (node.inputs[0]?.kind === 'constant' ? node.inputs[0] : undefined);

/** Folds what keeps the elements of a constant in their order. */
const reshaping =
  (shapeOf: (node: NodeView, from: Constant) => readonly number[]): Fold =>
  (node) => {
    const from = first(node);
    return from && { ...from, shape: shapeOf(node, from) };
  };

/** Sizes with -1 for the one that follows from the others, and 0 for one that stays. */
export function resolveShape(target: readonly number[], from: readonly number[]): readonly number[] {
  const sizes = target.map((size, axis) => (size === 0 ? (from[axis] ?? 0) : size));
  const known = product(sizes.filter((size) => size !== -1));
  return sizes.map((size) => (size === -1 ? product(from) / known : size));
}

export function unsqueezed(shape: readonly number[], axes: readonly number[]): readonly number[] {
  const rank = shape.length + axes.length;
  const at = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
  let next = 0;
  return Array.from({ length: rank }, (_, axis) => (at.has(axis) ? 1 : shape[next++]!));
}

export function squeezed(shape: readonly number[], axes: readonly number[] | undefined): readonly number[] {
  const at = axes && new Set(axes.map((axis) => (axis < 0 ? axis + shape.length : axis)));
  return shape.filter((size, axis) => (at === undefined ? size !== 1 : !at.has(axis)));
}

function elementwise(compute: (a: number, b: number) => number): Fold {
  return (node) => {
    const [a, b] = node.inputs;
    if (a?.kind !== 'constant' || b?.kind !== 'constant') return undefined;
    const big = a.data.length >= b.data.length ? a : b;
    const isSame = a.data.length === b.data.length;
    if (!isSame && Math.min(a.data.length, b.data.length) !== 1) return undefined;
    const at = (of: Constant, i: number) => of.data[of.data.length === 1 ? 0 : i]!;
    const round = (x: number) => (big.isFloat ? x : Math.trunc(x));
    return make(
      big.shape,
      Array.from({ length: big.data.length }, (_, i) => round(compute(at(a, i), at(b, i)))),
      big,
    );
  };
}

function chosen(node: NodeView): Constant | undefined {
  const [condition, a, b] = node.inputs;
  if (condition?.kind !== 'constant' || a?.kind !== 'constant' || b?.kind !== 'constant') return undefined;
  const at = ({ data }: Constant, i: number) => data[data.length === 1 ? 0 : i]!;
  const big = [condition, a, b].reduce((most, one) => (one.data.length > most.data.length ? one : most));
  const data = Array.from(big.data, (_, i) => (at(condition, i) === 0 ? at(b, i) : at(a, i)));
  return make(big.shape, data, a);
}

const unary =
  (compute: (x: number) => number): Fold =>
  (node) => {
    const from = first(node);
    return from && make(from.shape, Array.from(from.data, compute), from);
  };

function transposed(node: NodeView): Constant | undefined {
  const from = first(node);
  if (from === undefined) return undefined;
  const axes = node.ints('perm') ?? from.shape.map((_, axis) => from.shape.length - 1 - axis);
  return make(
    axes.map((axis) => from.shape[axis]!),
    permuted(from.data, from.shape, axes),
    from,
  );
}

function gathered(node: NodeView): Constant | undefined {
  const from = first(node);
  if (from === undefined || node.int('axis', 0) !== 0) return undefined;
  const index = node.constant(1);
  const row = product(from.shape.slice(1));
  const data = Array.from(index.data).flatMap((at) => {
    const place = at < 0 ? at + from.shape[0]! : at;
    return Array.from(from.data.slice(place * row, (place + 1) * row));
  });
  return make([...index.shape, ...from.shape.slice(1)], data, from);
}

function joined(node: NodeView): Constant | undefined {
  const parts = node.inputs.flatMap((input) => (input?.kind === 'constant' ? [input] : []));
  const [head] = parts;
  if (head === undefined || parts.length < node.inputs.length) return undefined;
  const at = node.int('axis', 0);
  const axis = at < 0 ? at + head.shape.length : at;
  const widths = parts.map(({ shape }) => product(shape.slice(axis)));
  const data = Array.from({ length: product(head.shape.slice(0, axis)) }, (_, row) =>
    parts.flatMap((part, i) => Array.from(part.data.slice(row * widths[i]!, (row + 1) * widths[i]!))),
  ).flat();
  const size = parts.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  return make(
    head.shape.map((own, i) => (i === axis ? size : own)),
    data,
    head,
  );
}

/** The places that a slice of an axis takes, in their order. */
function placesOf(size: number, start: number, end: number, step: number): readonly number[] {
  const at = (place: number, low: number, high: number) => Math.min(high, Math.max(low, place < 0 ? place + size : place));
  const [first, last] = step > 0 ? [at(start, 0, size), at(end, 0, size)] : [at(start, 0, size - 1), at(end, -1, size - 1)];
  return Array.from({ length: Math.max(0, Math.ceil((last - first) / step)) }, (_, i) => first + i * step);
}

function sliced(node: NodeView): Constant | undefined {
  const from = first(node);
  if (from === undefined) return undefined;
  const [starts, ends] = [node.numbers(1, 'starts') ?? [], node.numbers(2, 'ends') ?? []];
  const axes = node.numbers(3, 'axes') ?? starts.map((_, axis) => axis);
  const steps = node.numbers(4, 'steps') ?? starts.map(() => 1);
  if (steps.includes(0)) return refuse('its step is 0');
  return axes.reduce((part: Constant, given, i) => {
    const axis = given < 0 ? given + part.shape.length : given;
    const size = part.shape[axis]!;
    const places = placesOf(size, starts[i]!, ends[i]!, steps[i]!);
    const inner = product(part.shape.slice(axis + 1));
    const rows = Array.from({ length: product(part.shape.slice(0, axis)) }, (_, row) =>
      places.flatMap((place) => Array.from(part.data.slice((row * size + place) * inner, (row * size + place + 1) * inner))),
    );
    return make(
      part.shape.map((own, k) => (k === axis ? places.length : own)),
      rows.flat(),
      part,
    );
  }, from);
}

/** A constant that is repeated along axes is the same number of times for each image, or refused. */
function expanded(node: NodeView): Constant | undefined {
  const from = first(node);
  if (from === undefined) return undefined;
  const target = [...node.constant(1).data];
  const shape = [...target.slice(0, Math.max(0, target.length - from.shape.length)).map(() => 1), ...from.shape];
  const fits = target.every((size, axis) => {
    // Numbers that are repeated for each image stay as they are once.
    const isForBatch = size === node.batch && (axis === 0 || size > 1000);
    return size === 1 || size === -1 || isForBatch || size === (shape[axis - target.length + shape.length] ?? 1);
  });
  return fits ? { ...from, shape } : refuse('it repeats numbers of the model');
}

/** What a node makes of constants alone, by the type of the node; undefined where that is not known before the network runs. */
export const FOLDS: Readonly<Record<string, Fold>> = {
  Identity: (node) => first(node),
  Cast: (node) => first(node),
  Reshape: reshaping((node, { shape }) => resolveShape([...node.constant(1).data], shape)),
  Unsqueeze: reshaping((node, { shape }) => unsqueezed(shape, node.numbers(1, 'axes') ?? [])),
  Squeeze: reshaping((node, { shape }) => squeezed(shape, node.numbers(1, 'axes'))),
  Transpose: transposed,
  Gather: gathered,
  Concat: joined,
  Slice: sliced,
  Expand: expanded,
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Div: elementwise((a, b) => a / b),
  Mod: elementwise((a, b) => a - b * Math.floor(a / b)),
  Min: elementwise(Math.min),
  Max: elementwise(Math.max),
  Pow: elementwise((a, b) => a ** b),
  Equal: elementwise((a, b) => (a === b ? 1 : 0)),
  Where: chosen,
  Abs: unary(Math.abs),
  Sqrt: unary(Math.sqrt),
  Neg: unary((x) => -x),
  ConstantOfShape: (node) => {
    const shape = [...node.constant(0).data];
    if (product(shape) > 1e6) return refuse('it makes too many numbers');
    const value = node.attribute('value')?.t;
    const fill = value?.floatData?.[0] ?? value?.int64Data?.[0] ?? 0;
    return make(shape, new Array<number>(product(shape)).fill(fill), { isFloat: value?.dataType !== 7 });
  },
};
