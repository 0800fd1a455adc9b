import { axisTaps } from '../../ops/index.js';
import { type AxisTaps, lengthsOf, weightOf } from '../../ops/taps.js';
import type { EmitContext, Emitter } from './context.js';
import type { Value } from './writer.js';

/** The padding that the windows reach: before each axis as it is, behind it no more than the last window needs. */
function reached(context: EmitContext, x: Value): readonly [top: number, left: number, bottom: number, right: number] {
  const [window, stride, padding] = [context.numbers('window'), context.numbers('stride'), context.numbers('padding')];
  const behind = ([0, 1] as const).map((axis) => {
    const end = (context.shape[axis + 2]! - 1) * stride[axis]! + window[axis]! - padding[2 * axis]!;
    return Math.max(0, end - x.shape[axis + 2]!);
  });
  return [padding[0]!, padding[2]!, behind[0]!, behind[1]!];
}

const maxPool2d: Emitter = (context) => {
  const x = context.operand(0, 'first');
  return context.op('MaxPool', [x], {
    kernel_shape: context.numbers('window'),
    strides: context.numbers('stride'),
    pads: reached(context, x),
  });
};

const avgPool2d: Emitter = (context) => {
  const x = context.operand(0, 'first');
  const window = context.numbers('window');
  const pads = reached(context, x);
  const pool = { kernel_shape: window, strides: context.numbers('stride') };
  // Zeros that fill whole windows are no padding of a pool's.
  if (pads.some((size, side) => size >= window[side % 2]!)) {
    const shape = [...x.shape.slice(0, 2), x.shape[2]! + pads[0] + pads[2], x.shape[3]! + pads[1] + pads[3]];
    const amounts = context.writer.ints([0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]]);
    return context.inSingle([x], (single, wide) => {
      const padded = context.writer.op('Pad', [wide, amounts], { mode: 'constant' }, { dtype: 'f32', shape });
      return single('AveragePool', [padded], pool, context.shape);
    });
  }
  return context.op('AveragePool', [x], { ...pool, pads, count_include_pad: 1 });
};

const globalAvgPool: Emitter = (context) => {
  const x = context.operand(0, 'first');
  const pooled = context.op('GlobalAveragePool', [x], {}, [...x.shape.slice(0, 2), 1, 1]);
  return context.reshape(pooled, context.type.shape);
};

/** What each result along an axis takes of each place, as a matrix. */
function matrixOf(taps: AxisTaps): readonly (readonly number[])[] {
  const { results, places } = lengthsOf(taps);
  return Array.from({ length: results }, (_, i) => Array.from({ length: places }, (_, k) => weightOf(taps, i, k)));
}

/** Sums over places along rows and columns as two products with matrices of their weights. */
const tapped: Emitter = (context) => {
  const x = context.operand(0, 'first');
  const [rows, columns] = axisTaps(context.node, [context.operandNode(0).type])!.map(matrixOf) as [number[][], number[][]];
  const known = (name: string, matrix: readonly (readonly number[])[]): Value => ({
    name: `${context.node.layer}.${name}`,
    dtype: 'f32',
    shape: [matrix.length, matrix[0]!.length],
    data: Float32Array.from(matrix.flat()),
  });
  const across = columns[0]!.map((_, place) => columns.map((weights) => weights[place]!));
  return context.inSingle([x], (single, wide) => {
    const down = single('MatMul', [known('rows', rows), wide], {}, [...x.shape.slice(0, 2), rows.length, x.shape[3]!]);
    return single('MatMul', [down, known('columns', across)], {}, context.shape);
  });
};

const resized =
  (attributes: Readonly<Record<string, string>>): Emitter =>
  (context) => {
    const x = context.operand(0, 'first');
    const [rows, columns] = context.numbers('factor') as readonly [number, number];
    const scales: Value = { name: `${context.node.layer}.scales`, dtype: 'f32', shape: [4], data: Float32Array.of(1, 1, rows, columns) };
    return context.inSingle([x], (_, wide) =>
      context.writer.op('Resize', [wide, undefined, scales], attributes, { dtype: 'f32', shape: context.shape }),
    );
  };

export const poolEmitters = {
  max_pool2d: maxPool2d,
  avg_pool2d: avgPool2d,
  clipped_avg_pool2d: tapped,
  adaptive_avg_pool2d: tapped,
  global_avg_pool: globalAvgPool,
  upsample_nearest: resized({ mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }),
  upsample_bilinear: resized({ mode: 'linear', coordinate_transformation_mode: 'half_pixel' }),
};
