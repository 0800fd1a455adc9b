import { elementCount, type Node, type ValueId } from '../../ir/types.js';
import { type ContractionGeometry, FACTORS, operandOf } from '../../ops/contraction-geometry.js';
import { contractionGeometry } from '../../ops/index.js';
import type { GroupContext } from './context.js';
import type { Kernel } from './kernel.js';

/**
 * A contraction as a matrix product: result[m, n] = sum over k of a[m, k] * b[k, n]. For conv2d, m is a pixel of the result and k a tap of
 * the window and a channel; the gradients differ in what m, n and k stand for. A linear layer is a convolution of images of one pixel. With
 * groups or batch axes there is such a product for each of both, a slab; all sizes are those of one.
 */
export interface Contraction {
  readonly node: Node;
  readonly computes: ContractionGeometry['computes'];
  readonly a: ValueId;
  readonly b: ValueId;
  readonly bias: ValueId | undefined;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Images of a slab. */
  readonly batch: number;
  readonly groups: number;
  /** Elements of the batch axes. */
  readonly batches: number;
  /** The image, and the forward result. */
  readonly height: number;
  readonly width: number;
  readonly inputs: number;
  readonly rows: number;
  readonly columns: number;
  readonly outputs: number;
  readonly kernelY: number;
  readonly kernelX: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly dilationY: number;
  readonly dilationX: number;
  readonly top: number;
  readonly left: number;
}

export function contractionOf(context: GroupContext, id: ValueId): Contraction {
  const node = context.node(id);
  const geometry = contractionGeometry(
    node,
    node.inputs.map((input) => context.type(input)),
  );
  const { computes, images, inputs, outputs } = geometry;
  const [height, width] = geometry.image;
  const [rows, columns] = geometry.positions;
  const [kernelY, kernelX] = geometry.window;
  const [strideY, strideX] = geometry.stride;
  const [dilationY, dilationX] = geometry.dilation;
  const [top, , left] = geometry.padding;
  const taps = kernelY * kernelX;
  const [m, n, k] = {
    y: [images * rows * columns, outputs, taps * inputs] as const,
    x: [images * height * width, inputs, taps * outputs] as const,
    w: [taps * inputs, outputs, images * rows * columns] as const,
  }[computes];
  const [a, b] = FACTORS[computes].map((name) => operandOf(geometry, node.inputs, name)!) as [ValueId, ValueId];
  return {
    node,
    computes,
    a,
    b,
    bias: operandOf(geometry, node.inputs, 'bias'),
    m,
    n,
    k,
    batch: images,
    groups: geometry.groups,
    batches: elementCount(geometry.batch),
    height,
    width,
    inputs,
    rows,
    columns,
    outputs,
    kernelY,
    kernelX,
    strideY,
    strideX,
    dilationY,
    dilationX,
    top,
    left,
  };
}

/** Matrix products that do not meet: one for each group and each element of the batch axes. */
export function slabsOf({ groups, batches }: Contraction): number {
  return groups * batches;
}

/**
 * Where there are several slabs: declares which one an invocation works on, for the expressions below, and gives the statements that say so
 * from an expression of its number. One slab needs nothing.
 */
export function useSlab(kernel: Kernel, c: Contraction, slab: string): string[] {
  if (slabsOf(c) === 1) return [];
  kernel.own('slab_batch', 'u32');
  kernel.own('slab_group', 'u32');
  return [`slab_batch = (${slab}) / ${c.groups}u;`, `slab_group = (${slab}) % ${c.groups}u;`];
}

/** An image of the slab among all images. */
export function imageAt(c: Contraction, image: string): string {
  return c.batches === 1 ? image : `(slab_batch * ${c.batch}u + ${image})`;
}

/** Index of the first channel of the slab at a pixel of all; `channels`: how many the slab has there. */
export function pixelAt(c: Contraction, channels: number, pixel: string): string {
  return c.groups === 1 ? `${pixel} * ${channels}u` : `(${pixel} * ${c.groups * channels}u + slab_group * ${channels}u)`;
}

/** Row `m` of `rows` in a slab, among those of all. */
function rowAt(c: Contraction, rows: number, m: string): string {
  return c.batches === 1 ? m : `(slab_batch * ${rows}u + ${m})`;
}

/** Index in memory of element (m, n) of the slab's result; `rows`: how many it has, where they are not `c.m`. */
export function resultAt(c: Contraction, m: string, n: string, rows = c.m): string {
  return `(${pixelAt(c, c.n, rowAt(c, rows, m))} + ${n})`;
}

/** Index along the result's last axis of column `n` of the slab. */
export function columnAt(c: Contraction, n: string): string {
  return c.groups === 1 ? n : `(slab_group * ${c.n}u + ${n})`;
}

/** Index of element (k, n) of `b` as [k, n] in memory; a weight for `computes: 'y'`, a gradient for `'w'`. */
export function termAt(c: Contraction, k: string): string {
  return pixelAt(c, c.n, rowAt(c, c.k, k));
}

/** Index of the first channel that is summed over of a tap's row `n` of the weight; for `computes: 'x'`. */
export function weightRowAt(c: Contraction, tap: string, n: string): string {
  return pixelAt(c, c.outputs, `(${rowAt(c, c.kernelY * c.kernelX, tap)} * ${c.n}u + ${n})`);
}

/** A product with a whole number that may be 1. */
export function times(name: string, factor: number): string {
  return factor === 1 ? name : `${name} * ${factor}`;
}

/** Channels that a tap contributes to the sum. */
export function channelsPerTap({ computes, inputs, outputs }: Contraction): number {
  return computes === 'x' ? outputs : inputs;
}

/** Height and width of what `m` counts: pixels of the result. */
export function resultImage({ computes, height, width, rows, columns }: Contraction): readonly [number, number] {
  return computes === 'x' ? [height, width] : [rows, columns];
}

/**
 * Statements that turn row `m` into its batch and the image coordinates that its window starts from (i32). With `pooled`, four consecutive
 * rows are one 2x2 window of the result.
 */
export function decodeRow(c: Contraction, pooled: boolean, m: string, suffix: string): string[] {
  const [height, width] = resultImage(c);
  const [top, left] = c.computes === 'x' ? [c.top, c.left] : [-c.top, -c.left];
  if (height * width === 1) return [`let batch${suffix} = ${m};`, `let y${suffix} = ${top};`, `let x${suffix} = ${left};`];
  const stride = (name: string, step: number) => (c.computes === 'x' ? name : `${name} * ${step}`);
  const pixel = pooled
    ? [
        `let window${suffix} = ${m} / 4u;`,
        `let batch${suffix} = window${suffix} / ${(height * width) / 4}u;`,
        `let row${suffix} = i32(window${suffix} / ${width / 2}u % ${height / 2}u * 2u + ${m} % 4u / 2u);`,
        `let column${suffix} = i32(window${suffix} % ${width / 2}u * 2u + ${m} % 2u);`,
      ]
    : [
        `let batch${suffix} = ${m} / ${height * width}u;`,
        `let row${suffix} = i32(${m} / ${width}u % ${height}u);`,
        `let column${suffix} = i32(${m} % ${width}u);`,
      ];
  return [
    ...pixel,
    `let y${suffix} = ${stride(`row${suffix}`, c.strideY)} + ${top};`,
    `let x${suffix} = ${stride(`column${suffix}`, c.strideX)} + ${left};`,
  ];
}

/** For a row as decoded and a tap (i32 variables p and q): whether it meets an element of `a`, and the index of its first channel there. */
export function tapAddress(c: Contraction, suffix: string): { readonly lines: readonly string[]; readonly always: boolean } {
  const channels = channelsPerTap(c);
  const [height, width] = c.computes === 'x' ? [c.rows, c.columns] : [c.height, c.width];
  const index = (y: string, x: string) =>
    pixelAt(c, channels, `u32((i32(${imageAt(c, `batch${suffix}`)}) * ${height} + ${y}) * ${width} + ${x})`);
  const always =
    c.kernelY * c.kernelX === 1 &&
    c.strideY * c.strideX === 1 &&
    c.top + c.left === 0 &&
    height === resultImage(c)[0] &&
    width === resultImage(c)[1];
  if (always) return { always, lines: [`let start${suffix} = ${index(`y${suffix}`, `x${suffix}`)};`] };
  const sign = c.computes === 'x' ? '-' : '+';
  const moved = [
    `let py${suffix} = y${suffix} ${sign} ${times('p', c.dilationY)};`,
    `let px${suffix} = x${suffix} ${sign} ${times('q', c.dilationX)};`,
  ];
  const strided = c.computes === 'x' && c.strideY * c.strideX > 1;
  const place = strided ? [`let ty${suffix} = py${suffix} / ${c.strideY};`, `let tx${suffix} = px${suffix} / ${c.strideX};`] : [];
  const [ty, tx] = strided ? [`ty${suffix}`, `tx${suffix}`] : [`py${suffix}`, `px${suffix}`];
  const meets = [
    `py${suffix} >= 0`,
    `px${suffix} >= 0`,
    `${ty} < ${height}`,
    `${tx} < ${width}`,
    ...(strided ? [`py${suffix} % ${c.strideY} == 0`, `px${suffix} % ${c.strideX} == 0`] : []),
  ];
  return {
    always,
    lines: [
      ...moved,
      ...place,
      `let ok${suffix} = ${meets.join(' && ')};`,
      `let start${suffix} = select(0u, ${index(ty, tx)}, ok${suffix});`,
    ],
  };
}
