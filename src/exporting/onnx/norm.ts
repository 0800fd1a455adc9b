import { numberAttr, numbersAttr } from '../../ir/types.js';
import { ownStatistics } from '../own-statistics.js';
import type { EmitContext, Emitter, Single } from './context.js';
import type { Value } from './writer.js';

/** A number for each channel, as many axes as the node has where its channels are not last. */
function perChannel(context: EmitContext, name: string, data: Float32Array): Value {
  const shape = context.order === 'last' ? [data.length] : [data.length, 1, 1];
  return { name: `${context.node.layer}.${name}`, dtype: 'f32', shape, data };
}

/** How an image comes: bytes, or their 255th parts. */
export type ImageType = 'u8' | 'float';

export const normalizeOf =
  (image: ImageType): Emitter =>
  (context) => {
    const [means, deviations] = [numbersAttr(context.attrs, 'mean'), numbersAttr(context.attrs, 'std')];
    const unit = image === 'u8' ? 255 : 1;
    const factors = perChannel(
      context,
      'factor',
      Float32Array.from(deviations, (std) => 1 / (unit * std)),
    );
    const offsets = perChannel(
      context,
      'offset',
      Float32Array.from(means, (mean, channel) => mean / deviations[channel]!),
    );
    const pixels = context.operand(0, context.order);
    return context.inSingle([pixels], (single, wide) =>
      single('Sub', [single('Mul', [wide, factors], {}, context.shape), offsets], {}, context.shape),
    );
  };

const batchNorm: Emitter = (context) => {
  const [mean, variance, weight, bias] = [1, 2, 3, 4].map((index) => context.operand(index)) as [Value, Value, Value, Value];
  const epsilon = { float: context.number('eps') };
  if (context.order === 'first' || context.type.shape.length === 2)
    return context.inSingle([context.operand(0, context.order), weight, bias, mean, variance], (single, ...operands) =>
      single('BatchNormalization', operands, { epsilon }, context.shape),
    );
  // ONNX's operator has the channels in its second axis.
  return context.inSingle([context.operand(0), mean, variance, weight, bias], (single, x, m, v, w, b) => {
    const factor = single('Div', [w!, single('Sqrt', [single('Add', [v!, context.number('eps')])])]);
    return single('Add', [single('Mul', [single('Sub', [x!, m!]), factor]), b!]);
  });
};

/** 1 / sqrt of the mean square and eps, along the last axis. */
function inverseRoot(single: Single, x: Value, axes: Value, eps: number): Value {
  const means = [...x.shape.slice(0, -1), 1];
  const squares = single('ReduceMean', [single('Mul', [x, x]), axes], {}, means);
  return single('Reciprocal', [single('Sqrt', [single('Add', [squares, eps])])]);
}

/** With the statistics that are given, [mean, 1 / deviation]. */
const normalizedBy: Emitter = (context) =>
  context.inSingle(
    [context.operand(0), context.operand(1), context.operand(2), context.operand(3)],
    (single, x, statistics, weight, bias) => {
      const part = (start: number): Value => {
        const [from, to, last] = [[start], [start + 1], [-1]].map((values) => context.writer.list(values)) as [Value, Value, Value];
        return single('Slice', [statistics!, from, to, last], {}, [...statistics!.shape.slice(0, -1), 1]);
      };
      const normalized = single('Mul', [single('Sub', [x!, part(0)]), part(1)]);
      return single('Add', [single('Mul', [normalized, weight!]), bias!]);
    },
  );

const layerNorm: Emitter = (context) => {
  const statistics = ownStatistics(context.graph, context.node);
  if (statistics === undefined) return normalizedBy(context);
  const eps = numberAttr(statistics.attrs, 'eps');
  const operands = [context.operand(0), context.operand(2), context.operand(3)];
  if (context.attrs.center !== false)
    return context.inSingle(operands, (single, x, weight, bias) =>
      single('LayerNormalization', [x!, weight!, bias!], { axis: -1, epsilon: { float: eps } }, context.shape),
    );
  return context.inSingle(operands, (single, x, weight, bias) => {
    const normalized = single('Mul', [x!, inverseRoot(single, x!, context.writer.list([-1]), eps)]);
    return single('Add', [single('Mul', [normalized, weight!]), bias!]);
  });
};

/** [mean, 1 / sqrt(variance + eps)]; only where something else than a norm reads them. */
const layerNormStatistics: Emitter = (context) =>
  context.inSingle([context.operand(0)], (single, x) => {
    const axes = context.writer.list([-1]);
    const mean = single('ReduceMean', [x!, axes], {}, [...x!.shape.slice(0, -1), 1]);
    const isCentered = context.attrs.center !== false;
    const inverse = inverseRoot(single, isCentered ? single('Sub', [x!, mean]) : x!, axes, context.number('eps'));
    return single('Concat', [isCentered ? mean : single('Mul', [mean, 0]), inverse], { axis: -1 }, context.type.shape);
  });

export const normEmitters = { batch_norm: batchNorm, layer_norm_statistics: layerNormStatistics, layer_norm: layerNorm };
