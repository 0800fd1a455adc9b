import type { Node, TensorType, ValueId } from '../../ir/types.js';
import { numbersAttr } from '../../ir/types.js';

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

/** conv2d, linear and their input gradients as one form: out[position, n] = sum over taps and k of staged[position + tap, k] * w[tap, k, n]. */
export interface Convolution {
  readonly node: ValueId;
  readonly source: ValueId;
  readonly weight: ValueId;
  readonly bias: ValueId | undefined;
  readonly images: number;
  /** One image of the source. */
  readonly height: number;
  readonly width: number;
  /** Channels summed over. */
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
  /** Output channels. */
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

function forwardConvolution(node: Node, types: readonly TensorType[]): Convolution {
  const [images, height, width, k] = types[0]!.shape as [number, number, number, number];
  const [kh, kw, , n] = types[1]!.shape as [number, number, number, number];
  const [sh, sw] = numbersAttr(node.attrs, 'stride') as [number, number];
  const [top, , left] = numbersAttr(node.attrs, 'padding') as [number, number, number];
  const [, outHeight, outWidth] = node.type.shape as [number, number, number];
  const taps = Array.from({ length: kh * kw }, (_, t): Tap => ({ row: Math.floor(t / kw), column: t % kw, weight: t }));
  return {
    node: node.id,
    source: node.inputs[0]!,
    weight: node.inputs[1]!,
    bias: node.inputs[2],
    images,
    height,
    width,
    k,
    haloTop: top,
    haloLeft: left,
    stagedHeight: Math.max((outHeight - 1) * sh + kh, top + height),
    stagedWidth: Math.max((outWidth - 1) * sw + kw, left + width),
    inStep: [sh, sw],
    outStep: [1, 1],
    outHeight,
    outWidth,
    n,
    lattices: [{ row0: 0, column0: 0, rows: outHeight, columns: outWidth, taps }],
    transposed: false,
  };
}

/** Along one axis: for each remainder of the input position, the taps that meet it and where they read in dy. */
function remainders(
  size: number,
  kernel: number,
  stride: number,
  before: number,
): { first: number; count: number; taps: { tap: number; offset: number }[] }[] {
  return Array.from({ length: Math.min(stride, size) }, (_, first) => {
    const taps = Array.from({ length: kernel }, (__, tap) => tap)
      .filter((tap) => (first + before - tap) % stride === 0)
      .map((tap) => ({ tap, offset: (first + before - tap) / stride }));
    return { first, count: Math.ceil((size - first) / stride), taps };
  });
}

function inputGradient(node: Node, types: readonly TensorType[]): Convolution {
  const [images, height, width, k] = types[0]!.shape as [number, number, number, number];
  const [kh, kw, n] = types[1]!.shape as [number, number, number];
  const [sh, sw] = numbersAttr(node.attrs, 'stride') as [number, number];
  const [top, , left] = numbersAttr(node.attrs, 'padding') as [number, number, number];
  const [, outHeight, outWidth] = node.type.shape as [number, number, number];
  const rowClasses = remainders(outHeight, kh, sh, top);
  const columnClasses = remainders(outWidth, kw, sw, left);
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
    node: node.id,
    source: node.inputs[0]!,
    weight: node.inputs[1]!,
    bias: undefined,
    images,
    height,
    width,
    k,
    haloTop,
    haloLeft,
    stagedHeight: extent(rowClasses, height, haloTop),
    stagedWidth: extent(columnClasses, width, haloLeft),
    inStep: [1, 1],
    outStep: [sh, sw],
    outHeight,
    outWidth,
    n,
    lattices,
    transposed: true,
  };
}

/** A matrix product: rows stand side by side in "images" of height one. */
function matrixProduct(node: Node, types: readonly TensorType[]): Convolution {
  const [rows, k] = types[0]!.shape as [number, number];
  const width = rowsPerBlock(rows);
  return {
    node: node.id,
    source: node.inputs[0]!,
    weight: node.inputs[1]!,
    bias: node.inputs[2],
    images: rows / width,
    height: 1,
    width,
    k,
    haloTop: 0,
    haloLeft: 0,
    stagedHeight: 1,
    stagedWidth: width,
    inStep: [1, 1],
    outStep: [1, 1],
    outHeight: 1,
    outWidth: width,
    n: node.type.shape[1]!,
    lattices: [{ row0: 0, column0: 0, rows: 1, columns: width, taps: [{ row: 0, column: 0, weight: 0 }] }],
    transposed: node.op === 'linear_input_grad',
  };
}

/** The common form of a contraction that has an output position per pixel or row. */
export function convolutionOf(node: Node, types: readonly TensorType[]): Convolution {
  switch (node.op) {
    case 'conv2d':
      return forwardConvolution(node, types);
    case 'conv2d_input_grad':
      return inputGradient(node, types);
    case 'linear':
    case 'linear_input_grad':
      return matrixProduct(node, types);
    default:
      throw new Error(`${node.op} is no convolution`);
  }
}

/** A weight gradient: dw[r, m, n] = sum over images and positions of staged[position * step + r rows, m] * dy[position, n]. */
export interface WeightGradient {
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
  /** Rows of the window; within one, its columns and channels lie side by side both in the staged image and in the weight. */
  readonly kernelRows: number;
  /** Columns x channels of one window row. */
  readonly run: number;
}

/** `pairs`: images are taken two at a time, so a matrix product of an even number of rows is split into two of them. */
export function weightGradientOf(node: Node, types: readonly TensorType[], pairs: boolean): WeightGradient {
  const base = { node: node.id, source: node.inputs[0]!, dy: node.inputs[1]! };
  if (node.op === 'linear_weight_grad') {
    const [rows, channels] = types[0]!.shape as [number, number];
    const n = types[1]!.shape[1]!;
    const images = pairs && rows % 2 === 0 ? 2 : 1;
    const width = rows / images;
    return {
      ...base,
      images,
      height: 1,
      width,
      channels,
      haloTop: 0,
      haloLeft: 0,
      stagedHeight: 1,
      stagedWidth: width,
      step: [1, 1],
      outHeight: 1,
      outWidth: width,
      n,
      kernelRows: 1,
      run: channels,
    };
  }
  const [images, height, width, channels] = types[0]!.shape as [number, number, number, number];
  const [, outHeight, outWidth, n] = types[1]!.shape as [number, number, number, number];
  const [kh, kw] = numbersAttr(node.attrs, 'kernel') as [number, number];
  const [sh, sw] = numbersAttr(node.attrs, 'stride') as [number, number];
  const [haloTop, , haloLeft] = numbersAttr(node.attrs, 'padding') as [number, number, number];
  return {
    ...base,
    images,
    height,
    width,
    channels,
    haloTop,
    haloLeft,
    stagedHeight: Math.max((outHeight - 1) * sh + kh, haloTop + height),
    stagedWidth: Math.max((outWidth - 1) * sw + kw, haloLeft + width),
    step: [sh, sw],
    outHeight,
    outWidth,
    n,
    kernelRows: kh,
    run: kw * channels,
  };
}
