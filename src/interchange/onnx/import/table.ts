import type { AmpBuilder } from './builder.js';
import { conv, convTranspose, gemm, matmul } from './contractions.js';
import * as elementwise from './elementwise.js';
import { meanWindows } from './mean-windows.js';
import type { NodeView } from './node.js';
import * as norms from './norms.js';
import { PATTERNS } from './patterns.js';
import { avgPool, globalPool, maxPool, reduce } from './pools.js';
import * as shapes from './shapes.js';
import { refuse } from './tensors.js';
import type { Value } from './values.js';

/** Makes layers of a node. `isOnlyUse`: whether nothing else reads that operand. */
export type Converter = (builder: AmpBuilder, node: NodeView, isOnlyUse: (index: number) => boolean) => Value | readonly Value[];

const itself: Converter = (_, node) => node.value();

function channelShuffle(builder: AmpBuilder, node: NodeView): Value {
  const image = builder.image(node.value());
  const groups = node.constant(1).data[1] ?? 0;
  return Number.isInteger(groups) && groups > 0 ? builder.same(image, 'channel_shuffle', [String(groups)]) : refuse('it has no groups');
}

/** A class token, repeated for each image: what is computed stays as it is. */
const expand: Converter = (_, node) => {
  const value = node.value();
  const target = [...node.constant(1).data];
  const isSame =
    target.length === value.shape.length && target.every((size, axis) => size === 1 || size === -1 || size === value.shape[axis]);
  return isSame ? value : refuse('it repeats what is computed');
};

/** Types of nodes of ONNX that are layers of ampc. */
export const CONVERTERS: Readonly<Record<string, Converter>> = {
  Identity: itself,
  Cast: itself,
  CastLike: itself,
  Dropout: itself,
  Conv: conv,
  ConvTranspose: convTranspose,
  Gemm: gemm,
  MatMul: matmul,
  BatchNormalization: norms.batchNorm,
  LayerNormalization: norms.layerNorm,
  GroupNormalization: norms.groupNorm,
  InstanceNormalization: norms.instanceNorm,
  LRN: norms.localResponseNorm,
  MaxPool: maxPool,
  AveragePool: avgPool,
  GlobalAveragePool: globalPool('global_avg_pool'),
  GlobalMaxPool: globalPool('global_max_pool'),
  ReduceMean: reduce('mean'),
  ReduceSum: reduce('sum'),
  ReduceMax: reduce('max'),
  Relu: elementwise.unary('relu'),
  Gelu: elementwise.gelu,
  [PATTERNS.silu]: elementwise.unary('silu'),
  Swish: elementwise.unary('silu'),
  Sigmoid: elementwise.unary('sigmoid'),
  Tanh: elementwise.unary('tanh'),
  HardSwish: elementwise.unary('hardswish'),
  HardSigmoid: elementwise.hardSigmoid,
  Mish: elementwise.unary('mish'),
  Softplus: elementwise.unary('softplus'),
  Softsign: elementwise.unary('softsign'),
  LeakyRelu: elementwise.withNumber('leaky_relu', 'alpha', 0.01, 0.01),
  Elu: elementwise.withNumber('elu', 'alpha', 1, 1),
  Celu: elementwise.withNumber('celu', 'alpha', 1, 1),
  Selu: elementwise.selu,
  PRelu: elementwise.prelu,
  Clip: elementwise.clip,
  Softmax: elementwise.softmax,
  LogSoftmax: elementwise.logSoftmax,
  Exp: elementwise.unary('exp'),
  Log: elementwise.unary('log'),
  Sqrt: elementwise.unary('sqrt'),
  Abs: elementwise.unary('abs'),
  Neg: elementwise.negative,
  Reciprocal: elementwise.reciprocal,
  Pow: elementwise.pow,
  Add: elementwise.join('Add'),
  Sub: elementwise.join('Sub'),
  Mul: elementwise.join('Mul'),
  Div: elementwise.join('Div'),
  Max: elementwise.join('Max'),
  Min: elementwise.join('Min'),
  Concat: shapes.concat,
  Slice: shapes.slice,
  Split: shapes.split,
  Gather: shapes.gather,
  Pad: shapes.pad,
  Resize: shapes.resize,
  Expand: expand,
  [PATTERNS.shuffle]: channelShuffle,
  [PATTERNS.groups]: norms.spelledGroupNorm,
  [PATTERNS.windows]: meanWindows,
};
