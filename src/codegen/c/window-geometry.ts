import type { Node, ValueId } from '../../ir/types.js';
import { numbersAttr } from '../../ir/types.js';
import { opDefinition } from '../../ops/index.js';
import type { KernelContext } from './kernel.js';

/** Batch, row and column of the result's pixel, from its number `row`. */
export function pixelIndices(shape: readonly number[]): string[] {
  if (shape.length !== 4) return ['const int64_t batch = row;', '(void)batch;'];
  const [, height, width] = shape as [number, number, number];
  return [
    `const int64_t batch = row / ${height * width}, pixel_y = row / ${width} % ${height}, pixel_x = row % ${width};`,
    '(void)batch, (void)pixel_y, (void)pixel_x;',
  ];
}

export interface Window {
  readonly rows: number;
  readonly columns: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly padding: readonly number[];
  /** Every window lies inside the image. */
  readonly inside: boolean;
  /** No pixel is in two windows, and none is padding. */
  readonly tiled: boolean;
}

export function windowOf(node: Node): Window {
  const [rows, columns] = numbersAttr(node.attrs, 'window') as [number, number];
  const [strideY, strideX] = numbersAttr(node.attrs, 'stride') as [number, number];
  const padding = numbersAttr(node.attrs, 'padding');
  const inside = padding.every((size) => size === 0);
  return { rows, columns, strideY, strideX, padding, inside, tiled: inside && rows <= strideY && columns <= strideX };
}

/** Height, width and channels of an operand that is an image. */
export function imageOf(context: KernelContext, id: ValueId): readonly [number, number, number] {
  const [, height, width, channels] = context.type(id).shape as [number, number, number, number];
  return [height, width, channels];
}

/** A max_pool2d_grad whose windows tile the image, so that each result writes the pixels of its own window. */
export interface Tiling {
  readonly node: Node;
  readonly rows: number;
  readonly columns: number;
  /** Height and width of the pooled image. */
  readonly height: number;
  readonly width: number;
}

/** The tiling of a pool's gradient, or undefined when windows overlap, leave gaps or are padded. */
export function tilingOf(context: KernelContext, id: ValueId): Tiling | undefined {
  const node = context.node(id);
  if (opDefinition(node.op).placesAmongZeros !== true) return undefined;
  const { rows, columns, strideY, strideX, inside } = windowOf(node);
  const [height, width] = imageOf(context, node.inputs[0]!);
  const [imageHeight, imageWidth] = imageOf(context, id);
  const covers = rows === strideY && columns === strideX && imageHeight === height * rows && imageWidth === width * columns;
  return inside && covers ? { node, rows, columns, height, width } : undefined;
}
