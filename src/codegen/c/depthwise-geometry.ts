import type { Node, ValueId } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import { type ContractionGeometry, FACTORS, operandOf } from '../../ops/contraction-geometry.js';
import { emit, fixed } from '../code.js';
import { BLOCK_TERMS } from './contraction-tile.js';
import type { Target } from './target.js';

/** Along rows or columns: which position of the source each tap of the window brings to each result. */
export interface Axis {
  /** Positions of the source. */
  readonly source: number;
  readonly results: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  /** Zeros before the image. */
  readonly before: number;
  /** The source is an image and the results are positions of the window; else the other way round, as in a gradient. */
  readonly forward: boolean;
}

/** Where a tap reads for a result, inside the source or beyond its edges; undefined where it brings nothing. */
export function sourceOf({ stride, dilation, before, forward }: Axis, result: number, tap: number): number | undefined {
  if (forward) return result * stride + tap * dilation - before;
  const at = result + before - tap * dilation;
  return at % stride === 0 ? at / stride : undefined;
}

/**
 * Positions that the taps of one result read, beyond the edges too: the first, the last, and how many lie from one to the other at most.
 */
export function reachOf(axis: Axis) {
  const { stride, dilation, before, forward, taps } = axis;
  const span = (taps - 1) * dilation;
  return forward
    ? { first: emit`row * ${stride} - ${before}`, last: emit`row * ${stride} + ${span - before}`, most: span + 1 }
    : {
        first: emit`(row + ${before - span}) / ${fixed(stride)}`,
        last: emit`(row + ${before}) / ${fixed(stride)}`,
        most: Math.floor(span / stride) + 1,
      };
}

/** Columns of zeros that the source needs before and behind it. */
export function haloOf(axis: Axis): readonly [before: number, behind: number] {
  let [first, last] = [0, axis.source - 1];
  for (let result = 0; result < axis.results; result += 1) {
    for (let tap = 0; tap < axis.taps; tap += 1) {
      const at = sourceOf(axis, result, tap) ?? 0;
      [first, last] = [Math.min(first, at), Math.max(last, at)];
    }
  }
  return [-first, last - (axis.source - 1)];
}

/** How the lanes of a vector of results come by what they multiply, from the source's channels. */
export type Spreading = 'same' | 'permuted' | 'gathered';

/**
 * A convolution in groups, computed with the channels of several groups in one vector: result[position, g, o] = sum over taps and c of
 * spread[position + tap, c, g, o] * w[tap, c, g, o], where `spread` has what the source has at channel c of group g.
 */
export interface Depthwise {
  readonly node: ValueId;
  readonly source: ValueId;
  readonly images: number;
  readonly rows: Axis;
  readonly columns: Axis;
  readonly groups: number;
  /** Channels of a group that are summed over: those of the source. */
  readonly k: number;
  /** Channels of a group of the results. */
  readonly n: number;
  readonly spreading: Spreading;
}

/** Multiply-adds that must share the work of gathering one vector, for that to be worth it. */
const GATHERED_TAPS = 4;

function spreadingOf(k: number, n: number, lanes: number): Spreading {
  if (k === 1 && n === 1) return 'same';
  return k === n && lanes % n === 0 ? 'permuted' : 'gathered';
}

/**
 * The contraction as such a convolution, where its groups are many and small enough for that; undefined for all others. Of a weight's
 * gradient, the results are those of the convolution.
 */
export function depthwiseOf(node: Node, g: ContractionGeometry, { lanes }: Target): Depthwise | undefined {
  const forward = g.computes !== 'x';
  const [k, n] = forward ? [g.inputs, g.outputs] : [g.outputs, g.inputs];
  const taps = elementCount(g.window);
  const spreading = spreadingOf(k, n, lanes);
  const small = g.groups > 1 && n < lanes && taps * k <= BLOCK_TERMS;
  if (g.spatial !== 2 || g.batch.length > 0 || !small || (spreading === 'gathered' && taps < GATHERED_TAPS)) return undefined;
  const axis = (i: 0 | 1): Axis => ({
    source: (forward ? g.image : g.positions)[i],
    results: (forward ? g.positions : g.image)[i],
    taps: g.window[i],
    stride: g.stride[i],
    dilation: g.dilation[i],
    before: g.padding[2 * i]!,
    forward,
  });
  const source = operandOf(g, node.inputs, FACTORS[g.computes][0])!;
  return { node: node.id, source, images: g.images, rows: axis(0), columns: axis(1), groups: g.groups, k, n, spreading };
}
