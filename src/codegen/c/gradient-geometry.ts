import type { Node, ValueId } from '../../ir/types.js';
import { type ContractionGeometry, operandOf, type Pair } from '../../ops/contraction-geometry.js';
import { reach } from '../../ops/window.js';
import { type Copies, copiesOf } from './contraction-geometry.js';

/**
 * A weight gradient, for each of the copies: dw[tap, m, n] = sum over images and positions of staged[position * step + tap, m] *
 * dy[position, n].
 */
export interface WeightGradient extends Copies {
  readonly node: ValueId;
  readonly source: ValueId;
  readonly dy: ValueId;
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly haloTop: number;
  readonly haloLeft: number;
  readonly stagedHeight: number;
  readonly stagedWidth: number;
  readonly step: readonly [number, number];
  readonly outHeight: number;
  readonly outWidth: number;
  readonly n: number;
  readonly window: Pair;
  /**
   * From tap to tap. Where columns are one apart, a window row's columns and channels lie side by side in the staged image, as in the
   * weight.
   */
  readonly dilation: Pair;
}

/**
 * Rows of a matrix product that make one "image": at most 128 that divide them all, so that some of them stay in a first-level cache. Where
 * nothing from 32 on does, all or, where images are taken two at a time, half of them.
 */
function rowsOfImage(rows: number, pairs: boolean): number {
  const least = pairs ? 2 : 1;
  for (let size = Math.min(128, Math.floor(rows / least)); size >= 32; size -= 1) if (rows % size === 0) return size;
  return rows % least === 0 ? rows / least : rows;
}

/** `pairs`: images are taken two at a time, so a matrix product of an even number of rows is split into two of them or more. */
export function weightGradientOf(node: Node, g: ContractionGeometry, pairs: boolean): WeightGradient {
  const values = { node: node.id, source: operandOf(g, node.inputs, 'x')!, dy: operandOf(g, node.inputs, 'y')! };
  const base = { ...values, ...copiesOf(g), window: g.window, dilation: g.dilation, channels: g.inputs, n: g.outputs };
  if (g.spatial === 0) {
    const width = rowsOfImage(g.images, pairs);
    return {
      ...base,
      images: g.images / width,
      height: 1,
      width,
      haloTop: 0,
      haloLeft: 0,
      stagedHeight: 1,
      stagedWidth: width,
      step: [1, 1],
      outHeight: 1,
      outWidth: width,
    };
  }
  const [height, width] = g.image;
  const [outHeight, outWidth] = g.positions;
  const [rows, columns] = reach(g.window, g.dilation);
  const [sh, sw] = g.stride;
  const [haloTop, , haloLeft] = g.padding;
  return {
    ...base,
    images: g.images,
    height,
    width,
    haloTop,
    haloLeft,
    stagedHeight: Math.max((outHeight - 1) * sh + rows, haloTop + height),
    stagedWidth: Math.max((outWidth - 1) * sw + columns, haloLeft + width),
    step: [sh, sw],
    outHeight,
    outWidth,
  };
}
