import { listNames } from '../diagnostics/suggest.js';
import { elementCount } from '../ir/types.js';
import { formatShape } from '../ops/window.js';
import type { Tensor } from './value.js';

/** A graph value that a failed layer was given, with what the user calls it. */
export interface Operand {
  readonly name: string;
  readonly tensor: Tensor;
  /** Without the batch. */
  readonly shape: readonly number[];
}

type Shape = readonly number[];
type Advice = (operands: readonly Operand[]) => string | undefined;

const isImage = (shape: Shape): boolean => shape.length === 3;

/** How often the larger image holds the smaller one, in both directions; undefined where no stride makes one of the other. */
function stride(large: Shape, small: Shape): number | undefined {
  const factor = large[0] / small[0];
  return Number.isInteger(factor) && large[1] / small[1] === factor ? factor : undefined;
}

/** What brings two values to one shape. `channels`: whether their channels have to agree as well. */
function bringTogether([first, second]: readonly Operand[], channels: boolean): string | undefined {
  if (first === undefined || second === undefined) return undefined;
  const [a, b] = [first.shape, second.shape];
  if (a.length !== b.length) {
    const [longer, shorter] = a.length > b.length ? [a, b] : [b, a];
    if (elementCount(a) === elementCount(b))
      return shorter.length === 1
        ? `put \`flatten\` behind the value of ${formatShape(longer)}`
        : `\`reshape(${formatShape(longer)})\` makes one of the other`;
    const behind = longer.slice(longer.length - shorter.length);
    return channels
      ? `axes are counted from the last: ${formatShape(shorter)} must be ${formatShape(behind)}, or 1 where they differ`
      : `both need the same axes: one is ${formatShape(a)}, the other ${formatShape(b)}`;
  }
  if (a.length === 1) return `let the last \`linear\` before one of them give as many features as the other has: ${a[0]} or ${b[0]}`;
  if (!isImage(a)) return undefined;
  const sameSize = a[0] === b[0] && a[1] === b[1];
  if (sameSize)
    return channels ? `\`conv2d(${b[2]}, kernel: 1)\` gives the value of ${formatShape(a)} the channels of the other` : undefined;
  const [large, small] = a[0] * a[1] > b[0] * b[1] ? [a, b] : [b, a];
  const factor = stride(large, small);
  if (factor === undefined) return 'let both keep their size (`padding: same`), or shrink both by the same strides';
  return channels && large[2] !== small[2]
    ? `\`conv2d(${small[2]}, kernel: 1, stride: ${factor})\` brings ${formatShape(large)} to ${formatShape(small)}`
    : `give both the same strides: \`max_pool2d(${factor})\` brings ${formatShape(large)} to ` +
        `${formatShape([small[0], small[1], large[2]])}`;
}

const sameShape: Advice = (operands) => bringTogether(operands, true);

/** For a layer of images that was given something else. */
const needsImage: Advice = ([operand]) => {
  if (operand === undefined) return undefined;
  const reshape = 'make an image with `reshape([height, width, channels])`';
  const { source } = operand.tensor;
  return source === '`flatten`' || source === '`global_avg_pool`' ? `use it before ${source}, or ${reshape}` : reshape;
};

function divisors(size: number): readonly number[] {
  return Array.from({ length: size }, (_, i) => i + 1).filter((part) => size % part === 0);
}

const dividingGroups: Advice = ([operand]) => {
  const channels = operand?.shape.at(-1);
  if (operand === undefined || channels === undefined) return undefined;
  const ofImage = isImage(operand.shape) ? ' of the image' : '';
  return `the ${channels} channels${ofImage} come in ${listNames(divisors(channels).map(String), 'or')} groups`;
};

const dividingHeads: Advice = ([operand]) => {
  const features = operand?.shape.at(-1);
  return features === undefined ? undefined : `the ${features} features make ${listNames(divisors(features).map(String), 'or')} heads`;
};

const sequence: Advice = ([operand]) => {
  if (operand === undefined || !isImage(operand.shape)) return undefined;
  const [rows, columns, channels] = operand.shape as [number, number, number];
  return `\`reshape([${rows * columns}, ${channels}])\` makes a sequence of its pixels`;
};

const innerSizes: Advice = ([left, right]) => {
  if (left === undefined || right === undefined) return undefined;
  const columns = left.shape.at(-1);
  if (right.shape.at(-1) === columns) return '`transpose: true` exchanges rows and columns of the argument';
  if (right.shape.at(-2) === columns) return 'leave out `transpose`';
  return `the argument needs ${columns} rows, or as many columns with \`transpose: true\``;
};

const concatSizes: Advice = (operands) => {
  const [a, b] = operands.map(({ shape }) => shape);
  if (a === undefined || b === undefined) return undefined;
  const different = a.flatMap((size, axis) => (size === b[axis] ? [] : [axis]));
  if (a.length === b.length && operands.length === 2 && different.length === 1)
    return `\`axis: ${different[0]}\` is the one along which they differ`;
  return bringTogether(operands, false);
};

const axesOf: Advice = ([operand]) =>
  operand && `its axes are 0 to ${operand.shape.length - 1}, or -1 (the last) to -${operand.shape.length}`;

/** What to do about a broken constraint, by its label; undefined where nothing fits the shapes at hand. */
export const ADVICE: ReadonlyMap<string, Advice> = new Map<string, Advice>([
  ['conv2d_c1', needsImage],
  ['conv_transpose2d_c1', needsImage],
  ['conv2d_c6', dividingGroups],
  ['conv_transpose2d_c6', dividingGroups],
  ['conv_transpose2d_layer_c2', () => 'use less padding'],
  ['attention_layer_c1', sequence],
  ['attention_layer_c2', dividingHeads],
  ['matmul_c1', ([operand]) => operand && `\`reshape\` makes a matrix of ${formatShape(operand.shape)}`],
  ['matmul_c2', () => 'both need the same sizes before their last two axes'],
  ['matmul_c3', innerSizes],
  ['max_pool2d_c1', needsImage],
  ['avg_pool2d_c1', needsImage],
  [
    'global_avg_pool_c1',
    ([operand]) => (operand?.shape.length === 1 ? 'leave it out: the value has no rows and columns' : needsImage([operand!])),
  ],
  ['broadcast_c1', sameShape],
  ['transpose_c1', ([operand]) => operand && `such as [${operand.shape.map((_, axis) => axis).reverse()}], which turns the order around`],
  ['slice_c1', axesOf],
  ['slice_c2', () => 'indices count from 0, or from the end where they are negative'],
  ['pad_c1', () => 'give one amount, one for each of these axes, or two for each: before and behind it'],
  ['pad_c3', () => 'use less, or `mode: replicate`'],
  ['roll_c1', axesOf],
  ['roll_c2', () => 'give one shift for each axis, such as `roll([1, 1], axis: [0, 1])`'],
  ['upsample_nearest_c1', needsImage],
  ['upsample_bilinear_c1', needsImage],
  ['glu_layer_c1', () => 'let the layer before it result in twice as many channels as are to be left'],
  ['channel_shuffle_layer_c1', () => 'choose a number that divides the channels'],
  ['concat_c2', ([operand]) => operand && `its axes are 0 to ${operand.shape.length - 1}, or -1 (the last) to -${operand.shape.length}`],
  ['reduce_axes_c1', axesOf],
  [
    'layer_norm_axes_c1',
    ([operand]) => operand && `its axes are 0 to ${operand.shape.length - 1}, of which \`axes\` takes the last one or more`,
  ],
  ['group_norm_layer_c1', dividingGroups],
  ['group_norm_layer_c2', () => 'use fewer groups'],
  ['instance_norm_layer_c1', () => 'use `layer_norm`, which takes all channels of a position together, or normalize larger images'],
  ['softmax_axis_c1', ([operand]) => operand && `its axes are 0 to ${operand.shape.length - 1}`],
  ['softmax_layer_c1', () => 'leave `axis` out, and exchange the axes of the scores with `transpose` before'],
  ['softmax_layer_c2', () => 'leave `causal` out, or give it scores [positions, positions], such as those of `matmul`'],
  ['concat_c3', concatSizes],
  ['reshape_c1', () => 'write -1 for one of the sizes to have it found, if the others divide the number of elements'],
  ['clipped_avg_pool2d_c5', () => 'use less padding or a larger window'],
  ['max_pool2d_c5', () => 'use less padding or a larger window'],
  ['split_c1', () => 'let the sections add up to the axis, or split another `axis`'],
  ['init_c1', () => 'use `normal`, `uniform` or `constant` for what is no weight of inputs and outputs'],
  ['shared_c1', () => 'give all uses values of one shape, or a layer of their own to those that differ'],
  ['batch_norm_layer_c1', () => 'set `batch` to at least 2'],
]);

/** For a window that is larger than the image. */
export function windowAdvice([operand]: readonly Operand[]): string | undefined {
  if (operand === undefined) return undefined;
  const [rows, columns] = operand.shape;
  const shrink = operand.tensor.source === `the model's input` ? '' : ', or shrink the image less before it';
  return `use a kernel of at most ${rows}x${columns}, or padding${shrink}`;
}
