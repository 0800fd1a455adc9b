import type { OpName } from '../ir/op-names.js';
import type { Node, TensorType } from '../ir/types.js';
import { ACTIVATIONS } from './activation.js';
import { adam, adamw } from './adam.js';
import * as arithmetic from './arithmetic.js';
import * as averages from './averages.js';
import * as avgPool from './avg-pool.js';
import * as classLosses from './class-losses.js';
import type { ContractionGeometry } from './contraction-geometry.js';
import * as convTranspose from './conv-transpose.js';
import * as conv from './conv2d.js';
import * as copies from './copies.js';
import type { CopyMap } from './copy-map.js';
import { allReduce } from './exchange.js';
import * as layerNorm from './layer-norm.js';
import * as linear from './linear.js';
import * as loss from './loss.js';
import { MATH } from './math.js';
import * as matmul from './matmul.js';
import * as maxPool from './max-pool.js';
import * as meanPool from './mean-pool.js';
import { muon } from './muon.js';
import * as norm from './norm.js';
import type { OpDefinition, OpKind } from './op.js';
import * as optimizer from './optimizer.js';
import * as pad from './pad.js';
import * as prelu from './prelu.js';
import * as reductions from './reductions.js';
import * as scaling from './scaling.js';
import * as shape from './shape-ops.js';
import * as softmax from './softmax.js';
import * as source from './source.js';
import type { AxisTaps, TapsDefinition } from './taps.js';
import type { Paired } from './unary-op.js';
import * as upsample from './upsample.js';

export { isOpName, type OpName } from '../ir/op-names.js';

/** Every op by name: the one table that all passes and backends read. */
export const OPS = {
  input: source.input,
  state: source.state,
  constant: source.constant,
  normalize: source.normalize,

  conv2d: conv.conv2d,
  conv2d_input_grad: conv.conv2dInputGrad,
  conv2d_weight_grad: conv.conv2dWeightGrad,
  conv_transpose2d: convTranspose.convTranspose2d,
  linear: linear.linear,
  linear_input_grad: linear.linearInputGrad,
  linear_weight_grad: linear.linearWeightGrad,
  matmul: matmul.matmul,
  sum_to_channel: norm.sumToChannel,

  max_pool2d: maxPool.maxPool2d,
  max_pool2d_index: maxPool.maxPool2dIndex,
  max_pool2d_grad: maxPool.maxPool2dGrad,
  avg_pool2d: avgPool.avgPool2d,
  avg_pool2d_grad: avgPool.avgPool2dGrad,
  clipped_avg_pool2d: meanPool.clippedAvgPool2d,
  clipped_avg_pool2d_grad: meanPool.clippedAvgPool2dGrad,
  adaptive_avg_pool2d: meanPool.adaptiveAvgPool2d,
  adaptive_avg_pool2d_grad: meanPool.adaptiveAvgPool2dGrad,
  global_avg_pool: avgPool.globalAvgPool,
  global_avg_pool_grad: avgPool.globalAvgPoolGrad,

  sum: reductions.sum,
  mean: reductions.mean,
  mean_grad: reductions.meanGrad,
  max: reductions.max,
  max_ties: reductions.maxTies,
  max_grad: reductions.maxGrad,

  channel_mean: norm.channelMean,
  channel_variance: norm.channelVariance,
  batch_norm: norm.batchNorm,
  batch_norm_weight_grad: norm.batchNormWeightGrad,
  batch_norm_input_grad: norm.batchNormInputGrad,
  running_update: norm.runningUpdate,
  layer_norm_statistics: layerNorm.layerNormStatistics,
  layer_norm: layerNorm.layerNorm,
  layer_norm_weight_grad: layerNorm.layerNormWeightGrad,
  layer_norm_input_grad: layerNorm.layerNormInputGrad,

  ...ACTIVATIONS,
  prelu: prelu.prelu,
  prelu_grad: prelu.preluGrad,
  prelu_slope_grad: prelu.preluSlopeGrad,
  ...MATH,

  add: arithmetic.add,
  sub: arithmetic.sub,
  mul: arithmetic.mul,
  div: arithmetic.div,
  div_dividend_grad: arithmetic.divDividendGrad,
  div_divisor_grad: arithmetic.divDivisorGrad,
  maximum: arithmetic.maximum,
  maximum_grad: arithmetic.maximumGrad,
  minimum: arithmetic.minimum,
  minimum_grad: arithmetic.minimumGrad,
  scale: arithmetic.scale,
  scale_by: arithmetic.scaleBy,
  shift: arithmetic.shift,
  cast: arithmetic.cast,
  dropout: arithmetic.dropout,
  reshape: shape.reshape,
  concat: shape.concat,
  slice: shape.slice,
  transpose: copies.transpose,
  broadcast: copies.broadcast,
  roll: copies.roll,
  pad: pad.pad,
  pad_grad: pad.padGrad,
  upsample_nearest: upsample.upsampleNearest,
  upsample_nearest_grad: upsample.upsampleNearestGrad,
  upsample_bilinear: upsample.upsampleBilinear,
  upsample_bilinear_grad: upsample.upsampleBilinearGrad,

  softmax: softmax.softmax,
  softmax_grad: softmax.softmaxGrad,
  log_softmax: softmax.logSoftmax,
  log_softmax_grad: softmax.logSoftmaxGrad,
  cross_entropy: loss.crossEntropy,
  cross_entropy_grad: loss.crossEntropyGrad,
  label_weight: loss.labelWeight,
  mse: classLosses.mse,
  mse_grad: classLosses.mseGrad,
  l1: classLosses.l1,
  l1_grad: classLosses.l1Grad,
  huber: classLosses.huber,
  huber_grad: classLosses.huberGrad,
  binary_cross_entropy: classLosses.binaryCrossEntropy,
  binary_cross_entropy_grad: classLosses.binaryCrossEntropyGrad,
  focal: classLosses.focal,
  focal_grad: classLosses.focalGrad,
  correct_count: loss.correctCount,

  scale_loss: scaling.scaleLoss,
  scale_loss_grad: scaling.scaleLossGrad,
  all_finite: scaling.allFinite,
  unscale: scaling.unscale,
  global_norm: scaling.globalNorm,
  clip_by_norm: scaling.clipByNorm,
  over_norm: scaling.overNorm,
  update_scale: scaling.updateScale,

  all_reduce: allReduce,

  accumulate: optimizer.accumulate,
  reset: optimizer.reset,
  advance: optimizer.advance,
  sgd: optimizer.sgd,
  adam,
  adamw,
  lion: optimizer.lion,
  rmsprop: optimizer.rmsprop,
  muon,

  update_average: averages.updateAverage,
  look_ahead: averages.lookAhead,
  count_average: averages.countAverage,
} as const satisfies Readonly<Record<OpName, OpDefinition>>;

/** The ops of some kinds. */
export type OpOfKind<K extends OpKind> = { [Name in OpName]: (typeof OPS)[Name]['kind'] extends K ? Name : never }[OpName];

/** The normal form of a contraction, from its node and the types of its operands. Throws a plain Error on any other node. */
export function contractionGeometry({ op, attrs, type }: Node, types: readonly TensorType[]): ContractionGeometry {
  if (!isOfKind(op, 'contraction')) throw new Error(`${op} is no contraction`);
  return OPS[op].geometry(types, attrs, type);
}

/** Where a copy's elements come from, from its node and the types of its operands. Throws a plain Error on any other node. */
export function copyMap({ op, attrs, type }: Node, types: readonly TensorType[]): CopyMap {
  if (!isOfKind(op, 'copy')) throw new Error(`${op} is no copy`);
  return OPS[op].map(types, attrs, type.shape);
}

/** Ops of one operand x with the result y, whose gradient is computed from dy and one of both. */
export type UnaryOp = Extract<keyof typeof ACTIVATIONS | keyof typeof MATH, Paired>;

/** How an op sums over places along rows and columns; undefined for one that does not. */
export function axisTaps({ op, attrs }: Node, types: readonly TensorType[]): readonly [rows: AxisTaps, columns: AxisTaps] | undefined {
  const definition: OpDefinition & Partial<Pick<TapsDefinition, 'taps'>> = OPS[op];
  return definition.taps?.(types, attrs);
}

export function opDefinition(name: OpName): OpDefinition {
  return OPS[name];
}

/** Whether an op is of one of some kinds. */
export function isOfKind<K extends OpKind>(name: OpName, ...kinds: readonly K[]): name is OpOfKind<K> {
  return (kinds as readonly OpKind[]).includes(OPS[name].kind);
}

/** Whether a node is a copy that only repeats its operand. */
export function isRepeat({ op }: Pick<Node, 'op'>): boolean {
  return opDefinition(op).repeats === true;
}

/** Whether a reader of a copy's elements may find them in the copy's operand. */
export function isReadInPlace(node: Pick<Node, 'op'>): boolean {
  return isRepeat(node) || opDefinition(node.op).takesPart === true;
}

/** Whether a node is another view of its operand's memory. */
export function isView({ op }: Pick<Node, 'op'>): boolean {
  return OPS[op].kind === 'view';
}
