import type { Node, ValueId } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import { type ContractionGeometry, FACTORS, operandOf } from '../../ops/contraction-geometry.js';
import { reach } from '../../ops/window.js';

/** One position of the window: where it reads in the staged image, relative to an output's own position, and which weight tap it uses. */
export interface Tap {
  readonly row: number;
  readonly column: number;
  /** Index into the weight's leading rows x columns axes. */
  readonly weight: number;
}

/**
 * Outputs that read the same taps. A forward convolution has one lattice; the input gradient of a strided one has stride x stride, because
 * an input position only meets the taps of its own remainder.
 */
export interface Lattice {
  readonly row0: number;
  readonly column0: number;
  readonly rows: number;
  readonly columns: number;
  readonly taps: readonly Tap[];
}

/**
 * How many contractions of one form a node is: one for each element of the batch, which has images and a weight of its own, and for each
 * group, which has channels of its own: `k` (or `channels`) of every position of the source, and `n` of every position of the result.
 */
export interface Copies {
  readonly batch: number;
  readonly groups: number;
}

/**
 * conv2d, linear and their input gradients as one form: out[position, n] = sum over taps and k of staged[position + tap, k] * w[tap, k, n],
 * for each of the copies.
 */
export interface Convolution extends Copies {
  readonly node: ValueId;
  readonly source: ValueId;
  readonly weight: ValueId;
  readonly bias: ValueId | undefined;
  /** Of one element of the batch. */
  readonly images: number;
  /** One image of the source. */
  readonly height: number;
  readonly width: number;
  /** Channels summed over, of one group. */
  readonly k: number;
  /** One source image with its halo of zeros. */
  readonly haloTop: number;
  readonly haloLeft: number;
  readonly stagedHeight: number;
  readonly stagedWidth: number;
  /** Step through the staged image from one output to the next of a lattice. */
  readonly inStep: readonly [number, number];
  /** Step through the output from one position of a lattice to the next. */
  readonly outStep: readonly [number, number];
  readonly outHeight: number;
  readonly outWidth: number;
  /** Output channels of one group. */
  readonly n: number;
  readonly lattices: readonly Lattice[];
  /** The weight tensor has [.., n, k] rather than [.., k, n]: its last axis is summed over. */
  readonly transposed: boolean;
}

/** Rows of a matrix product that make one "image": a divisor of the row count, near 32 for few rows and near 128 for many. */
export function rowsPerBlock(rows: number): number {
  for (let size = Math.min(rows, rows > 128 ? 128 : 32); size >= 16; size -= 1) if (rows % size === 0) return size;
  return rows;
}

export function copiesOf({ batch, groups }: ContractionGeometry): Copies {
  return { batch: elementCount(batch), groups };
}

/** The values of a contraction with an output position per pixel or row. */
function valuesOf({ id, inputs }: Node, g: ContractionGeometry) {
  const [source, weight] = FACTORS[g.computes];
  return { node: id, source: operandOf(g, inputs, source)!, weight: operandOf(g, inputs, weight)!, bias: operandOf(g, inputs, 'bias') };
}

function forwardConvolution(node: Node, g: ContractionGeometry): Convolution {
  const [height, width] = g.image;
  const [kh, kw] = g.window;
  const [rows, columns] = reach(g.window, g.dilation);
  const [sh, sw] = g.stride;
  const [dh, dw] = g.dilation;
  const [top, , left] = g.padding;
  const [outHeight, outWidth] = g.positions;
  const taps = Array.from({ length: kh * kw }, (_, t): Tap => ({ row: Math.floor(t / kw) * dh, column: (t % kw) * dw, weight: t }));
  return {
    ...valuesOf(node, g),
    ...copiesOf(g),
    images: g.images,
    height,
    width,
    k: g.inputs,
    haloTop: top,
    haloLeft: left,
    stagedHeight: Math.max((outHeight - 1) * sh + rows, top + height),
    stagedWidth: Math.max((outWidth - 1) * sw + columns, left + width),
    inStep: [sh, sw],
    outStep: [1, 1],
    outHeight,
    outWidth,
    n: g.outputs,
    lattices: [{ row0: 0, column0: 0, rows: outHeight, columns: outWidth, taps }],
    transposed: false,
  };
}

/** Along one axis: for each remainder of the input position, the taps that meet it and where they read in dy. */
function remainders(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  before: number,
): { first: number; count: number; taps: { tap: number; offset: number }[] }[] {
  return Array.from({ length: Math.min(stride, size) }, (_, first) => {
    const taps = Array.from({ length: kernel }, (__, tap) => tap)
      .filter((tap) => (first + before - tap * dilation) % stride === 0)
      .map((tap) => ({ tap, offset: (first + before - tap * dilation) / stride }));
    return { first, count: Math.ceil((size - first) / stride), taps };
  });
}

/** The source is dy: its positions are those of the forward result, the output's those of the image. */
function inputGradient(node: Node, g: ContractionGeometry): Convolution {
  const [height, width] = g.positions;
  const [kh, kw] = g.window;
  const [sh, sw] = g.stride;
  const [top, , left] = g.padding;
  const [outHeight, outWidth] = g.image;
  const rowClasses = remainders(outHeight, kh, sh, g.dilation[0], top);
  const columnClasses = remainders(outWidth, kw, sw, g.dilation[1], left);
  const halo = (classes: typeof rowClasses) => Math.max(0, ...classes.flatMap((c) => c.taps.map((t) => -t.offset)));
  const extent = (classes: typeof rowClasses, size: number, before: number) =>
    Math.max(size + before, ...classes.flatMap((c) => c.taps.map((t) => before + c.count + t.offset)));
  const haloTop = halo(rowClasses);
  const haloLeft = halo(columnClasses);
  const lattices = rowClasses.flatMap((r) =>
    columnClasses.map((c): Lattice => {
      const taps = r.taps.flatMap((a) =>
        c.taps.map((b): Tap => ({ row: a.offset + haloTop, column: b.offset + haloLeft, weight: a.tap * kw + b.tap })),
      );
      return { row0: r.first, column0: c.first, rows: r.count, columns: c.count, taps };
    }),
  );
  return {
    ...valuesOf(node, g),
    ...copiesOf(g),
    images: g.images,
    height,
    width,
    k: g.outputs,
    haloTop,
    haloLeft,
    stagedHeight: extent(rowClasses, height, haloTop),
    stagedWidth: extent(columnClasses, width, haloLeft),
    inStep: [1, 1],
    outStep: [sh, sw],
    outHeight,
    outWidth,
    n: g.inputs,
    lattices,
    transposed: true,
  };
}

/** A matrix product: rows stand side by side in "images" of height one. */
function matrixProduct(node: Node, g: ContractionGeometry): Convolution {
  const width = rowsPerBlock(g.images);
  const transposed = g.computes === 'x';
  return {
    ...valuesOf(node, g),
    ...copiesOf(g),
    images: g.images / width,
    height: 1,
    width,
    k: transposed ? g.outputs : g.inputs,
    haloTop: 0,
    haloLeft: 0,
    stagedHeight: 1,
    stagedWidth: width,
    inStep: [1, 1],
    outStep: [1, 1],
    outHeight: 1,
    outWidth: width,
    n: transposed ? g.inputs : g.outputs,
    lattices: [{ row0: 0, column0: 0, rows: 1, columns: width, taps: [{ row: 0, column: 0, weight: 0 }] }],
    transposed,
  };
}

/** The common form of the contractions that have an output position per pixel or row. */
export function convolutionOf(node: Node, g: ContractionGeometry): Convolution {
  if (g.computes === 'w') throw new Error(`${node.op} is no convolution`);
  if (g.spatial === 0) return matrixProduct(node, g);
  return g.computes === 'y' ? forwardConvolution(node, g) : inputGradient(node, g);
}
