import type { DType, Node, ValueId } from '../../ir/types.js';
import { numbersAttr } from '../../ir/types.js';
import { Scope } from './expression.js';
import type { KernelContext } from './kernel.js';
import { eachVector, indent, type LoopFunction, loopFunction } from './loops.js';

/** A convolution's sizes; a linear layer is a 1x1 convolution of one pixel. */
interface Sizes {
  readonly batch: number;
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

const as4 = (shape: readonly number[]): [number, number, number, number] =>
  shape.length === 2 ? [shape[0]!, 1, 1, shape[1]!] : (shape as [number, number, number, number]);
const weight4 = (shape: readonly number[]): [number, number, number, number] =>
  shape.length === 2 ? [1, 1, shape[0]!, shape[1]!] : (shape as [number, number, number, number]);

function sizesOf(context: KernelContext, node: Node): Sizes {
  const shapes = node.inputs.map((id) => context.type(id).shape);
  const result = node.type.shape;
  const gradient = node.op.endsWith('_input_grad');
  const weightGradient = node.op.endsWith('_weight_grad');
  const [x, w, y] = weightGradient
    ? [shapes[0]!, result, shapes[1]!]
    : gradient
      ? [result, shapes[1]!, shapes[0]!]
      : [shapes[0]!, shapes[1]!, result];
  const [batch, height, width, inputs] = as4(x);
  const [kernelY, kernelX] = weight4(w);
  const [, rows, columns, outputs] = as4(y);
  const linear = node.op.startsWith('linear');
  const [strideY, strideX] = linear ? [1, 1] : (numbersAttr(node.attrs, 'stride') as [number, number]);
  const [top, , left] = linear ? [0, 0, 0] : (numbersAttr(node.attrs, 'padding') as [number, number, number, number]);
  return { batch, height, width, inputs, rows, columns, outputs, kernelY, kernelX, strideY, strideX, top, left };
}

const scalarLoad = (dtype: DType, address: string) => (dtype === 'f32' ? `*(${address})` : `${dtype}_to_f32(*(${address}))`);
const vectorLoad = (dtype: DType, address: string, lanes: string | undefined) =>
  lanes === undefined ? `load_${dtype}(${address})` : `load_${dtype}_part(${address}, ${lanes})`;

function finish(context: KernelContext, id: ValueId, index: string, at: { channel: string; lanes?: string }, value: string): string[] {
  const scope = new Scope(context, { index, ...at });
  scope.define(id, value);
  scope.store(id);
  return scope.statements;
}

function forward(context: KernelContext, node: Node, s: Sizes): string[] {
  const [x, w, bias] = node.inputs as [number, number, number?];
  const [xType, wType] = [context.type(x).dtype, context.type(w).dtype];
  return eachVector(s.outputs, context.target.lanes, ({ lanes }) => {
    const at = { channel: 'c', ...(lanes !== undefined && { lanes }) };
    const start = bias === undefined ? 'vf_set(0.0f)' : vectorLoad(context.type(bias).dtype, `${context.pointer(bias)} + c`, lanes);
    return [
      'vf sum = vf_set(0.0f);',
      `for (int64_t tap = 0; tap < ${s.kernelY * s.kernelX}; tap++) {`,
      `  const int64_t y = i * ${s.strideY} + tap / ${s.kernelX} - ${s.top}, x = j * ${s.strideX} + tap % ${s.kernelX} - ${s.left};`,
      `  if (y < 0 || y >= ${s.height} || x < 0 || x >= ${s.width}) continue;`,
      `  for (int64_t k = 0; k < ${s.inputs}; k++) {`,
      `    const float a = ${scalarLoad(xType, `${context.pointer(x)} + ((batch * ${s.height} + y) * ${s.width} + x) * ${s.inputs} + k`)};`,
      `    sum = vf_fma(vf_set(a), ${vectorLoad(wType, `${context.pointer(w)} + (tap * ${s.inputs} + k) * ${s.outputs} + c`, lanes)}, sum);`,
      '  }',
      '}',
      ...finish(context, node.id, `(row * ${s.outputs} + c)`, at, `sum + ${start}`),
    ];
  });
}

function inputGradient(context: KernelContext, node: Node, s: Sizes): string[] {
  const [dy, w] = node.inputs as [number, number];
  const [dyType, wType] = [context.type(dy).dtype, context.type(w).dtype];
  return [
    `for (int64_t k = 0; k < ${s.inputs}; k++) {`,
    '  vf sum = vf_set(0.0f);',
    `  for (int64_t tap = 0; tap < ${s.kernelY * s.kernelX}; tap++) {`,
    `    const int64_t y = i + ${s.top} - tap / ${s.kernelX}, x = j + ${s.left} - tap % ${s.kernelX};`,
    `    if (y < 0 || x < 0 || y % ${s.strideY} != 0 || x % ${s.strideX} != 0 || y >= ${s.rows * s.strideY} || x >= ${s.columns * s.strideX}) continue;`,
    `    const int64_t from = ((batch * ${s.rows} + y / ${s.strideY}) * ${s.columns} + x / ${s.strideX}) * ${s.outputs};`,
    ...indent(
      eachVector(s.outputs, context.target.lanes, ({ lanes }) => [
        `const vf a = ${vectorLoad(dyType, `${context.pointer(dy)} + from + c`, lanes)};`,
        `sum = vf_fma(a, ${vectorLoad(wType, `${context.pointer(w)} + (tap * ${s.inputs} + k) * ${s.outputs} + c`, lanes)}, sum);`,
      ]),
      2,
    ),
    '  }',
    ...indent(finish(context, node.id, `(row * ${s.inputs} + k)`, { channel: 'k', lanes: '1' }, 'vf_set(vf_sum(sum))')),
    '}',
  ];
}

function weightGradient(context: KernelContext, node: Node, s: Sizes): string[] {
  const [x, dy] = node.inputs as [number, number];
  const [xType, dyType] = [context.type(x).dtype, context.type(dy).dtype];
  return eachVector(s.outputs, context.target.lanes, ({ lanes }) => {
    const at = { channel: 'c', ...(lanes !== undefined && { lanes }) };
    return [
      'vf sum = vf_set(0.0f);',
      `for (int64_t batch = 0; batch < ${s.batch}; batch++) {`,
      '  vf image = vf_set(0.0f);',
      `  for (int64_t i = 0; i < ${s.rows}; i++) {`,
      `    const int64_t y = i * ${s.strideY} + tap / ${s.kernelX} - ${s.top};`,
      `    if (y < 0 || y >= ${s.height}) continue;`,
      `    for (int64_t j = 0; j < ${s.columns}; j++) {`,
      `      const int64_t x = j * ${s.strideX} + tap % ${s.kernelX} - ${s.left};`,
      `      if (x < 0 || x >= ${s.width}) continue;`,
      `      const float a = ${scalarLoad(xType, `${context.pointer(x)} + ((batch * ${s.height} + y) * ${s.width} + x) * ${s.inputs} + k`)};`,
      `      image = vf_fma(vf_set(a), ${vectorLoad(dyType, `${context.pointer(dy)} + ((batch * ${s.rows} + i) * ${s.columns} + j) * ${s.outputs} + c`, lanes)}, image);`,
      '    }',
      '  }',
      '  sum += image;',
      '}',
      ...finish(context, node.id, `(row * ${s.outputs} + c)`, at, 'sum'),
    ];
  });
}

const CONTRACTIONS = new Set(['conv2d', 'conv2d_input_grad', 'conv2d_weight_grad', 'linear', 'linear_input_grad', 'linear_weight_grad']);

export function isContraction(op: string): boolean {
  return CONTRACTIONS.has(op);
}

/** Any contraction as plain loops: one result row (a pixel, or one input channel of one tap) after the other. For shapes that no fast kernel takes. */
export function naiveContraction(context: KernelContext, id: ValueId): LoopFunction {
  const node = context.node(id);
  const s = sizesOf(context, node);
  const ofWeight = node.op.endsWith('_weight_grad');
  const [height, width] = node.op.endsWith('_input_grad') ? [s.height, s.width] : [s.rows, s.columns];
  const range = ofWeight ? s.kernelY * s.kernelX * s.inputs : s.batch * height * width;
  const place = ofWeight
    ? [`const int64_t tap = row / ${s.inputs}, k = row % ${s.inputs};`]
    : [`const int64_t batch = row / ${height * width}, i = row / ${width} % ${height}, j = row % ${width};`];
  const body = ofWeight
    ? weightGradient(context, node, s)
    : node.op.endsWith('_input_grad')
      ? inputGradient(context, node, s)
      : forward(context, node, s);
  return {
    code: loopFunction(['for (int64_t row = begin; row < end; row++) {', ...indent([...place, ...body]), '}']),
    table: context.table,
    range,
    part: Math.max(1, Math.ceil(range / 64)),
  };
}
