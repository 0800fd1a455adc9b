import { isConstant } from '../../ir/structure.js';
import type { Node } from '../../ir/types.js';
import { elementCount } from '../../ir/types.js';
import { type AxisMap, type CopyMap, strideOf } from '../../ops/copy-map.js';
import { emit, joined } from '../code.js';
import { coordinateOf } from '../copy-index.js';
import type { KernelContext } from './kernel.js';
import { type LoopFunction, loopFunction, partLength } from './loops.js';
import { indent } from './text.js';

/** Rows and columns of a tile: what both sides touch of it stays in the nearest cache. */
const TILE = 32;

const isPlain = ({ of, divide, shift, beyond }: AxisMap): boolean =>
  of !== undefined && divide === 1 && shift === 0 && (beyond === 'never' || beyond === 'leaves');

/** Whether a map only puts axes into another order, the last one too, and nothing is converted. */
export function isTransposition(context: KernelContext, node: Node, { shape, sources }: CopyMap): boolean {
  const [source, ...others] = sources;
  if (source === undefined || others.length > 0 || source.axes.length !== shape.length || !source.axes.every(isPlain)) return false;
  const input = context.node(node.inputs[0]!);
  return source.axes.at(-1)!.of !== shape.length - 1 && input.type.dtype === node.type.dtype && !isConstant(input);
}

/**
 * The kernel of such a map, in square tiles of the two axes that lie side by side in the source and in the result: both are read and
 * written a line of cache at a time. A task is a row of tiles.
 */
export function transposeFunction(context: KernelContext, node: Node, { shape, sources }: CopyMap): LoopFunction {
  const { axes } = sources[0]!;
  const sizes = axes.map(({ size }) => size);
  const sourceStride = (axis: number) =>
    strideOf(
      sizes,
      axes.findIndex(({ of }) => of === axis),
    );
  const last = shape.length - 1;
  const inner = axes.at(-1)!.of!;
  const [rows, columns] = [shape[inner]!, shape[last]!];
  const outer = shape.map((_, axis) => axis).filter((axis) => axis !== inner && axis !== last);
  const outerShape = outer.map((axis) => shape[axis]!);
  const tiles = Math.ceil(rows / TILE);
  const offset = (stride: (axis: number) => number) =>
    joined(
      outer.map((axis, place) => emit`${coordinateOf(outerShape, place, 'outer')} * ${stride(axis)}`),
      ' + ',
    ) || '0';
  const outputStride = (axis: number) => strideOf(shape, axis);
  const [outerAt, tileAt] = [`unit / ${tiles}`, `unit % ${tiles}`];
  const lines = [
    emit`const int64_t outer = ${outerAt}, first = ${tileAt} * ${TILE}, end_row = min64(first + ${TILE}, ${rows});`,
    '(void)outer;',
    emit`const int64_t from = ${offset(sourceStride)}, to = ${offset(outputStride)};`,
    emit`for (int64_t column = 0; column < ${columns}; column += ${TILE}) {`,
    emit`  const int64_t end_column = min64(column + ${TILE}, ${columns});`,
    '  for (int64_t r = first; r < end_row; r++)',
    '    for (int64_t c = column; c < end_column; c++)',
    emit`      ${context.output(node.id)}[to + r * ${outputStride(inner)} + c] =`,
    emit`        ${context.pointer(node.inputs[0]!)}[from + c * ${sourceStride(last)} + r];`,
    '}',
  ];
  const range = elementCount(outerShape) * tiles;
  return {
    code: loopFunction(['for (int64_t unit = begin; unit < end; unit++) {', ...indent(lines), '}']),
    table: context.table,
    range,
    part: partLength(range, Math.min(rows, TILE) * columns, 1),
  };
}
