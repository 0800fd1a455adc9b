import type { LayerDefinition } from '../ops/layer.js';
import * as activation from '../ops/layers/activation.js';
import * as arithmetic from '../ops/layers/arithmetic.js';
import { attentionLayer } from '../ops/layers/attention.js';
import * as convolution from '../ops/layers/convolution.js';
import * as dense from '../ops/layers/dense.js';
import * as groupNorm from '../ops/layers/group-norm.js';
import { localResponseNormLayer } from '../ops/layers/local-response-norm.js';
import * as move from '../ops/layers/move.js';
import * as norm from '../ops/layers/norm.js';
import * as reduce from '../ops/layers/reduce.js';
import * as shape from '../ops/layers/shape.js';
import * as window from '../ops/layers/window.js';

/** Every layer of the language by name; docs/language.md lists them in this order. */
export const LAYERS: Readonly<Record<string, LayerDefinition>> = {
  conv2d: convolution.conv2dLayer,
  depthwise_conv2d: convolution.depthwiseConv2dLayer,
  conv_transpose2d: convolution.convTranspose2dLayer,
  linear: dense.linearLayer,
  matmul: dense.matmulLayer,
  attention: attentionLayer,
  max_pool2d: window.maxPool2dLayer,
  avg_pool2d: window.avgPool2dLayer,
  global_avg_pool: window.globalAvgPoolLayer,
  global_max_pool: window.globalMaxPoolLayer,
  adaptive_avg_pool2d: window.adaptiveAvgPool2dLayer,
  adaptive_max_pool2d: window.adaptiveMaxPool2dLayer,
  batch_norm: norm.batchNormLayer,
  layer_norm: norm.layerNormLayer,
  rms_norm: norm.rmsNormLayer,
  group_norm: groupNorm.groupNormLayer,
  instance_norm: groupNorm.instanceNormLayer,
  local_response_norm: localResponseNormLayer,
  dropout: dense.dropoutLayer,
  drop_path: dense.dropPathLayer,
  flatten: shape.flattenLayer,
  reshape: shape.reshapeLayer,
  concat: shape.concatLayer,
  transpose: move.transposeLayer,
  slice: move.sliceLayer,
  pad: move.padLayer,
  roll: move.rollLayer,
  upsample: move.upsampleLayer,
  channel_shuffle: move.channelShuffleLayer,
  sum: reduce.sumLayer,
  mean: reduce.meanLayer,
  max: reduce.maxLayer,
  split: shape.splitLayer,
  add: arithmetic.addLayer,
  sub: arithmetic.subLayer,
  mul: arithmetic.mulLayer,
  div: arithmetic.divLayer,
  maximum: arithmetic.maximumLayer,
  minimum: arithmetic.minimumLayer,
  scale: arithmetic.scaleLayer,
  shift: arithmetic.shiftLayer,
  exp: arithmetic.expLayer,
  log: arithmetic.logLayer,
  sqrt: arithmetic.sqrtLayer,
  abs: arithmetic.absLayer,
  square: arithmetic.squareLayer,
  pow: arithmetic.powLayer,
  relu: activation.reluLayer,
  relu6: activation.relu6Layer,
  gelu: activation.geluLayer,
  silu: activation.siluLayer,
  sigmoid: activation.sigmoidLayer,
  tanh: activation.tanhLayer,
  leaky_relu: activation.leakyReluLayer,
  prelu: activation.preluLayer,
  hardswish: activation.hardswishLayer,
  hardsigmoid: activation.hardsigmoidLayer,
  elu: activation.eluLayer,
  selu: activation.seluLayer,
  celu: activation.celuLayer,
  mish: activation.mishLayer,
  softplus: activation.softplusLayer,
  softsign: activation.softsignLayer,
  glu: activation.gluLayer,
  softmax: activation.softmaxLayer,
  log_softmax: activation.logSoftmaxLayer,
};

export function findLayer(name: string): LayerDefinition | undefined {
  return Object.hasOwn(LAYERS, name) ? LAYERS[name] : undefined;
}
