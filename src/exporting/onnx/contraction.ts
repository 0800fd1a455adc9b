import { groupsOf } from '../../ops/contraction-geometry.js';
import { dilationOf, reach } from '../../ops/window.js';
import type { EmitContext, Emitter } from './context.js';
import type { Value } from './writer.js';

/** HWIO to what ONNX takes: OIHW, and for the transposed convolution, whose input is ampc's O, IOHW. */
const WEIGHT = [3, 2, 0, 1];

/** The bias, of which ONNX wants the format of the other operands. */
function bias(context: EmitContext, { dtype }: Value): readonly Value[] {
  return context.hasOperand(2) ? [context.writer.cast(context.operand(2), dtype)] : [];
}

function windowOf(context: EmitContext) {
  const [top, bottom, left, right] = context.numbers('padding') as readonly [number, number, number, number];
  const [rows, columns] = context.operand(1).shape as readonly [number, number, number, number];
  return {
    kernel_shape: [rows, columns] as const,
    strides: context.numbers('stride'),
    pads: [top, left, bottom, right] as const,
    dilations: dilationOf(context.attrs),
    group: groupsOf(context.attrs),
  };
}

const conv2d: Emitter = (context) => {
  const x = context.operand(0, 'first');
  const weight = context.writer.transpose(context.operand(1), WEIGHT);
  return context.op('Conv', [x, weight, ...bias(context, x)], windowOf(context));
};

const convTranspose2d: Emitter = (context) => {
  const x = context.operand(0, 'first');
  const window = windowOf(context);
  const weight = context.writer.transpose(context.operand(1), WEIGHT);
  const [top, left, bottom, right] = window.pads;
  const spans = reach(window.kernel_shape, window.dilations);
  const size = context.numbers('size');
  // What the result has beyond the last place that a window reaches.
  const output_padding = ([0, 1] as const).map((axis) => {
    const padding = axis === 0 ? top + bottom : left + right;
    return size[axis]! - ((x.shape[axis + 2]! - 1) * window.strides[axis]! - padding + spans[axis]);
  });
  return context.op('ConvTranspose', [x, weight, ...bias(context, x)], { ...window, output_padding });
};

const linear: Emitter = (context) => {
  const [x, weight] = [context.operand(0), context.operand(1)];
  const added = bias(context, x);
  if (x.shape.length === 2) return context.op('Gemm', [x, weight, ...added]);
  if (added.length === 0) return context.op('MatMul', [x, weight]);
  if (x.dtype === 'f32') {
    const product = context.op('MatMul', [x, weight]);
    return context.op('Add', [product, ...added]);
  }
  // Rows of a matrix: the sum is rounded once, with its bias.
  const { writer } = context;
  const [inputs, outputs] = weight.shape as readonly [number, number];
  const rows = context.type.shape.slice(0, -1).reduce((count, size) => count * size, 1);
  const y = context.op('Gemm', [writer.reshape(x, [rows, inputs], [-1, inputs]), weight, ...added], {}, [rows, outputs]);
  return context.reshape(y, context.type.shape);
};

const matmul: Emitter = (context) => {
  const exchanged = (value: Value): Value => {
    const rank = value.shape.length;
    return context.writer.transpose(value, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
  };
  const [a, b] = [context.operand(0), context.operand(1)];
  const { transposed } = context.attrs;
  return context.op('MatMul', [transposed === 'a' ? exchanged(a) : a, transposed === 'b' ? exchanged(b) : b]);
};

export const contractionEmitters = { conv2d, conv_transpose2d: convTranspose2d, linear, matmul };
