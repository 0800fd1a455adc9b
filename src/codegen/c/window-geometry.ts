import type { Node, ValueId } from '../../ir/types.js';
import { isOfKind, opDefinition } from '../../ops/index.js';
import type { Code } from '../code.js';
import type { F32 } from '../formula/expression.js';
import { FOUND, GATHERS } from '../formula/gathers.js';
import { type Image, imageOf, type Window } from '../window.js';
import type { KernelContext } from './kernel.js';

/** Batch, row and column of the result's pixel, from its number `row`. */
export function pixelIndices(shape: readonly number[]): Code[] {
  if (shape.length !== 4) return ['const int64_t batch = row;', '(void)batch;'];
  const [, height, width] = shape as [number, number, number];
  return [
    `const int64_t batch = row / ${height * width}, pixel_y = row / ${width} % ${height}, pixel_x = row % ${width};`,
    '(void)batch, (void)pixel_y, (void)pixel_x;',
  ];
}

/** A gradient of a pool whose windows tile the image, so that each result writes the pixels of its own window. */
export interface Tiling {
  readonly node: Node;
  readonly window: Window;
  /** The pooled image. */
  readonly pooled: Image;
  /** What a pixel gets of the one result that sees it. */
  readonly term: F32;
}

/** The tiling of a gradient that goes to one place of each window, or undefined when windows overlap, leave gaps or are padded. */
export function tilingOf(context: KernelContext, id: ValueId): Tiling | undefined {
  const node = context.node(id);
  if (opDefinition(node.op).placesAmongZeros !== true || !isOfKind(node.op, 'pool')) return undefined;
  const rule = GATHERS[node.op](
    node,
    node.inputs.map((input) => context.type(input)),
  );
  if (!('found' in rule) || rule.found.over.kind !== 'holders' || rule.result !== FOUND) return undefined;
  const { window } = rule.found.over;
  const { rows, columns, strideY, strideX, inside } = window;
  const pooled = imageOf(context.type(node.inputs[0]!).shape);
  const image = imageOf(node.type.shape);
  const covers = rows === strideY && columns === strideX && image.height === pooled.height * rows && image.width === pooled.width * columns;
  return inside && covers ? { node, window, pooled, term: rule.found.term } : undefined;
}
