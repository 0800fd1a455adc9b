import type { Attrs, Shape, TensorType } from '../ir/types.js';
import { elementCount } from '../ir/types.js';
import type { OpDefinition } from './op.js';

/**
 * What becomes of an index that the source's axis does not have:
 * - `never`: there is none.
 * - `leaves`: the element is not of this source, but of a later one, or the map's `fill`.
 * - `wraps`: it goes on from the other end, once around at most.
 * - `clamps`: it is the nearest that there is.
 * - `reflects`: it goes back from the end, which is not repeated.
 */
export type Beyond = 'never' | 'leaves' | 'wraps' | 'clamps' | 'reflects';

/** How the index along one axis of a source follows from the result's index i along an axis: floor(i / divide) + shift. */
export interface AxisMap {
  /** The axis of the result; undefined: the index is 0, whatever the element. */
  readonly of: number | undefined;
  /** Size of the source's axis. */
  readonly size: number;
  readonly divide: number;
  readonly shift: number;
  readonly beyond: Beyond;
}

/** Where elements of the result are in one operand: an index for each of its axes. */
export interface CopySource {
  readonly operand: number;
  readonly axes: readonly AxisMap[];
}

/**
 * The normal form of an op that moves elements: each element of the result, of the given shape, is the element of the first source that
 * has it, or else `fill`. Every code generator derives its loops from it.
 */
export interface CopyMap {
  readonly shape: Shape;
  readonly sources: readonly CopySource[];
  readonly fill: number;
}

export type CopyRule = (types: readonly TensorType[], attrs: Attrs, shape: Shape) => CopyMap;
export type CopyDefinition = OpDefinition<'copy'> & { readonly map: CopyRule };

/** The index along the result's axis `of`, moved by `shift`. */
export function along(of: number | undefined, size: number, shift = 0, beyond: Beyond = 'never'): AxisMap {
  return { of, size, divide: 1, shift, beyond };
}

/** A map from one source, without anything else. */
export function copyOf(shape: Shape, axes: readonly AxisMap[]): CopyMap {
  return { shape, sources: [{ operand: 0, axes }], fill: 0 };
}

/** Whether the source's axis is all of the result's axis. */
function isWhole({ of, size, divide, shift, beyond }: AxisMap, axis: number, shape: Shape): boolean {
  return of === axis && size === shape[axis] && divide === 1 && shift === 0 && (beyond === 'never' || beyond === 'leaves');
}

/** The axes of a source with those of the result's `axis` and the one behind it as one; undefined where they do not lie so. */
function joined(axes: readonly AxisMap[], axis: number, shape: Shape): readonly AxisMap[] | undefined {
  const at = axes.findIndex(({ of }) => of === axis);
  const behind = axes.findIndex(({ of }) => of === axis + 1);
  if (at < 0 && behind < 0) return axes;
  if (at < 0 || behind !== at + 1) return undefined;
  const [outer, inner] = [axes[at]!, axes[behind]!];
  const moves = outer.divide === 1 && outer.beyond !== 'clamps' && outer.beyond !== 'reflects';
  if (!moves || !isWhole(inner, axis + 1, shape)) return undefined;
  const one = { ...outer, size: outer.size * inner.size, shift: outer.shift * inner.size };
  return [...axes.slice(0, at), one, ...axes.slice(behind + 1)];
}

const renumbered = (axes: readonly AxisMap[], from: number, by: number): readonly AxisMap[] =>
  axes.map((map) => (map.of !== undefined && map.of >= from ? { ...map, of: map.of + by } : map));

/**
 * The same map over as few axes as it can be told in: neighbours that stay together are one. Axes of sources that have one index are left
 * out. There is at least one axis.
 */
export function simplestMap(map: CopyMap): CopyMap {
  let shape: Shape = map.shape.length === 0 ? [1] : map.shape;
  let sources: readonly CopySource[] = map.sources.map((source) => ({ ...source, axes: source.axes.filter(({ of }) => of !== undefined) }));
  for (let axis = shape.length - 2; axis >= 0; axis -= 1) {
    const both = sources.map(({ axes }) => joined(axes, axis, shape));
    if (both.includes(undefined)) continue;
    shape = [...shape.slice(0, axis), shape[axis]! * shape[axis + 1]!, ...shape.slice(axis + 2)];
    sources = sources.map((source, i) => ({ ...source, axes: renumbered(both[i]!, axis + 1, -1) }));
  }
  return { shape, sources, fill: map.fill };
}

/** Elements from one index of an axis to the next: of the axes behind it. */
export function strideOf(sizes: Shape, axis: number): number {
  return elementCount(sizes.slice(axis + 1));
}
