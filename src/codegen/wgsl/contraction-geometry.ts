import type { Node, ValueId } from '../../ir/types.js';
import { type ContractionGeometry, FACTORS, operandOf } from '../../ops/contraction-geometry.js';
import { contractionGeometry } from '../../ops/index.js';
import type { GroupContext } from './context.js';

/**
 * A contraction as a matrix product: result[m, n] = sum over k of a[m, k] * b[k, n]. For conv2d, m is a pixel of the result and k a tap of
 * the window and a channel; the gradients differ in what m, n and k stand for. A linear layer is a convolution of images of one pixel.
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
  readonly batch: number;
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
    top,
    left,
  };
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
  const index = (y: string, x: string) => `u32((i32(batch${suffix}) * ${height} + ${y}) * ${width} + ${x}) * ${channels}u`;
  const always =
    c.kernelY * c.kernelX === 1 &&
    c.strideY * c.strideX === 1 &&
    c.top + c.left === 0 &&
    height === resultImage(c)[0] &&
    width === resultImage(c)[1];
  if (always) return { always, lines: [`let start${suffix} = ${index(`y${suffix}`, `x${suffix}`)};`] };
  const sign = c.computes === 'x' ? '-' : '+';
  const moved = [`let py${suffix} = y${suffix} ${sign} p;`, `let px${suffix} = x${suffix} ${sign} q;`];
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
