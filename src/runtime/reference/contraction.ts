import { elementCount } from '../../ir/types.js';
import { type ContractionGeometry, FACTORS, operandOf } from '../../ops/contraction-geometry.js';
import { contractionGeometry, type OpOfKind } from '../../ops/index.js';
import { asRows, type Elements, forEachTap, type ReferenceKernel, type WindowGeometry } from './kernel.js';

/** out[outAt + k] += x * row[rowAt + k] for k < length. */
function addMultiple(out: Float64Array, outAt: number, x: number, row: Elements, rowAt: number, length: number): void {
  for (let k = 0; k < length; k += 1) out[outAt + k] += x * row[rowAt + k];
}

function dot(a: Elements, aAt: number, b: Elements, bAt: number, length: number): number {
  let sum = 0;
  for (let k = 0; k < length; k += 1) sum += a[aAt + k] * b[bAt + k];
  return sum;
}

/** Adds the terms of one tap at one position for one group. `x`, `w` and `y`: the index of its first element of each tensor. */
type AddTap = (sums: Float64Array, x: number, w: number, y: number) => void;

/** By what is computed, from its two factors. `pitch`: from a row of w to the next. */
const TAPS: Readonly<
  Record<ContractionGeometry['computes'], (a: Elements, b: Elements, inputs: number, outputs: number, pitch: number) => AddTap>
> = {
  y: (x, w, inputs, outputs, pitch) => (sums, xAt, wAt, yAt) => {
    for (let c = 0; c < inputs; c += 1) addMultiple(sums, yAt, x[xAt + c], w, wAt + c * pitch, outputs);
  },
  x: (dy, w, inputs, outputs, pitch) => (sums, xAt, wAt, yAt) => {
    for (let c = 0; c < inputs; c += 1) sums[xAt + c] += dot(dy, yAt, w, wAt + c * pitch, outputs);
  },
  w: (x, dy, inputs, outputs, pitch) => (sums, xAt, wAt, yAt) => {
    for (let c = 0; c < inputs; c += 1) addMultiple(sums, wAt + c * pitch, x[xAt + c], dy, yAt, outputs);
  },
};

function windows({ images, image, positions, window, stride, dilation, padding, groups, inputs }: ContractionGeometry): WindowGeometry {
  return {
    batch: images,
    height: image[0],
    width: image[1],
    channels: groups * inputs,
    rows: positions[0],
    columns: positions[1],
    windowRows: window[0],
    windowColumns: window[1],
    strideRows: stride[0],
    strideColumns: stride[1],
    dilationRows: dilation[0],
    dilationColumns: dilation[1],
    top: padding[0],
    left: padding[2],
  };
}

/**
 * Sums of `size` results of a contraction in its general form, in double precision: each from its bias on, then batch by batch, position by
 * position of y, tap by tap, channel by channel of x.
 */
export function contract(g: ContractionGeometry, operands: readonly Elements[], size: number): Float64Array {
  const [first, second] = FACTORS[g.computes].map((name) => operandOf(g, operands, name)!);
  const bias = operandOf(g, operands, 'bias');
  const [xChannels, yChannels] = [g.groups * g.inputs, g.groups * g.outputs];
  const channels = g.computes === 'x' ? xChannels : yChannels;
  const sums = new Float64Array(size);
  if (bias !== undefined) for (let i = 0; i < size; i += 1) sums[i] = bias[i % channels];
  const addTap = TAPS[g.computes](first, second, g.inputs, g.outputs, yChannels);
  const [pixels, positions] = [g.images * elementCount(g.image), g.images * elementCount(g.positions)];
  const taps = elementCount(g.window);
  for (let b = 0; b < elementCount(g.batch); b += 1) {
    forEachTap(windows(g), (position, pixel, tap) => {
      for (let group = 0; group < g.groups; group += 1) {
        addTap(
          sums,
          (b * pixels + pixel) * xChannels + group * g.inputs,
          (b * taps + tap) * g.inputs * yChannels + group * g.outputs,
          (b * positions + position) * yChannels + group * g.outputs,
        );
      }
    });
  }
  return sums;
}

const contraction: ReferenceKernel = ({ node, types, inputs, output }) =>
  output.set(contract(contractionGeometry(node, types), inputs, output.length));

const sumToChannel: ReferenceKernel = ({ types: [type], inputs: [x], output }) => {
  const { rows, length } = asRows(type);
  const sums = new Float64Array(length);
  for (let row = 0; row < rows; row += 1) addMultiple(sums, 0, 1, x, row * length, length);
  output.set(sums);
};

export const contractionKernels = {
  conv2d: contraction,
  conv2d_input_grad: contraction,
  conv2d_weight_grad: contraction,
  conv_transpose2d: contraction,
  linear: contraction,
  linear_input_grad: contraction,
  linear_weight_grad: contraction,
  matmul: contraction,
  sum_to_channel: sumToChannel,
} satisfies Readonly<Record<OpOfKind<'contraction'> | 'sum_to_channel', ReferenceKernel>>;
