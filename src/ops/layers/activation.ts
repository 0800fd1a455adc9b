import type { OpName } from '../../ir/op-names.js';
import { INIT } from '../initializers.js';
import type { LayerDefinition, LayerParam } from '../layer.js';
import { constrain } from '../op.js';
import { formatShape } from '../window.js';
import { AXIS, resolveAxis } from './axes.js';
import { elementwise } from './elementwise.js';

export const reluLayer = elementwise('relu', 'max(x, 0)');
export const relu6Layer = elementwise('relu6', 'min(max(x, 0), 6)');
export const geluLayer: LayerDefinition = {
  doc: 'x times the normal distribution function of x, computed exactly (with erf) or by an approximation with tanh.',
  params: [{ name: 'approximate', kind: 'word', words: ['none', 'tanh'], default: 'none', doc: '`none`, or `tanh`' }],
  example: 'x |> gelu(approximate: tanh)',
  build: ({ input, args, emit }) => emit('gelu', [input], args.approximate === 'tanh' ? { approximate: 'tanh' } : {}),
};
export const siluLayer = elementwise('silu', 'x * sigmoid(x)');
export const sigmoidLayer = elementwise('sigmoid', '1 / (1 + exp(-x))');
export const tanhLayer = elementwise('tanh', 'Hyperbolic tangent.');
/** An op along the last axis, brought along another one. */
function alongAxis(op: OpName, doc: string): LayerDefinition {
  return {
    doc,
    params: [{ ...AXIS, doc: 'counted from 0 without the batch, or from -1 backwards' }],
    example: `x |> ${op}`,
    build: ({ input, args, emit, type }) => {
      const { shape } = type(input);
      const axis = resolveAxis('softmax_axis_c1', args.axis as number, shape);
      const last = shape.length - 1;
      if (axis === last) return emit(op, [input]);
      const axes = shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
      return emit('transpose', [emit(op, [emit('transpose', [input], { axes })])], { axes });
    },
  };
}

/** As `is_causal` of torch.nn.functional.scaled_dot_product_attention. */
export const CAUSAL: LayerParam = {
  name: 'causal',
  kind: 'boolean',
  default: false,
  doc: 'position i attends to positions 0 to i alone; the weights of later ones are 0',
};

const softmaxAlong = alongAxis(
  'softmax',
  'exp(x) over its sum along an axis. The losses want logits, so a classifier does not end with it.',
);

export const softmaxLayer: LayerDefinition = {
  ...softmaxAlong,
  params: [
    ...softmaxAlong.params,
    { ...CAUSAL, doc: 'of scores [..., positions, positions]: row i counts its columns 0 to i alone, and is 0 beyond them' },
  ],
  build: (context) => {
    const { input, args, emit, type } = context;
    if (args.causal !== true) return softmaxAlong.build(context);
    const { shape } = type(input);
    const isLast = resolveAxis('softmax_axis_c1', args.axis as number, shape) === shape.length - 1;
    constrain(isLast, 'softmax_layer_c1', () => `axis ${args.axis as number} is not the last one of ${formatShape(shape.slice(1))}`);
    constrain(shape.length >= 3, 'softmax_layer_c2', () => `${formatShape(shape.slice(1))} has no rows and columns`);
    return emit('softmax', [input], { causal: true });
  },
};
export const logSoftmaxLayer = alongAxis('log_softmax', 'Logarithm of softmax along an axis.');

export const leakyReluLayer: LayerDefinition = {
  doc: 'x where x is positive, else slope * x.',
  params: [{ name: 'slope', kind: 'number', default: 0.01, doc: 'factor on negative values' }],
  example: 'x |> leaky_relu(0.1)',
  build: ({ input, args, emit }) => emit('leaky_relu', [input], { slope: args.slope as number }),
};

export const preluLayer: LayerDefinition = {
  doc:
    'x where x is positive, else x times a learned number (He et al. 2015): one for the layer, or one for each channel. As in PyTorch ' +
    'it starts at 0.25. Its authors use no weight decay on it.',
  params: [{ name: 'per_channel', kind: 'boolean', default: false, doc: 'learn a number for each channel' }, INIT],
  example: 'x |> conv2d(32, kernel: 3) |> prelu(per_channel: true) as prelu1',
  build: ({ input, args, emit, type, parameter }) => {
    const { shape } = type(input);
    const channels = shape.at(-1)!;
    const slope = parameter('weight', [args.per_channel === true ? channels : 1], { kind: 'constant', value: 0.25 });
    return emit('prelu', [input, emit('broadcast', [slope], { shape })]);
  },
};

export const hardswishLayer = elementwise('hardswish', 'x * min(max(x + 3, 0), 6) / 6, a piecewise silu.');
export const hardsigmoidLayer = elementwise('hardsigmoid', 'min(max(x + 3, 0), 6) / 6, a piecewise sigmoid.');
export const mishLayer = elementwise('mish', 'x * tanh(softplus(x))');
export const softsignLayer = elementwise('softsign', 'x / (1 + |x|)');

export const eluLayer: LayerDefinition = {
  doc: 'x where x is positive, else alpha * (e^x - 1).',
  params: [{ name: 'alpha', kind: 'number', default: 1, doc: 'what is approached far below 0, negative' }],
  example: 'x |> elu',
  build: ({ input, args, emit }) => emit('elu', [input], { alpha: args.alpha as number, scale: 1, input_scale: 1 }),
};

/** The constants for which activations of mean 0 and variance 1 keep both: Klambauer et al. 2017, "Self-normalizing neural networks". */
const SELU = { alpha: 1.6732632423543772, scale: 1.0507009873554805, input_scale: 1 };

export const seluLayer: LayerDefinition = {
  doc: `${SELU.scale.toFixed(4)} * elu with alpha ${SELU.alpha.toFixed(4)}: what has mean 0 and variance 1 keeps both.`,
  params: [],
  example: 'x |> selu',
  build: ({ input, emit }) => emit('elu', [input], SELU),
};

export const celuLayer: LayerDefinition = {
  doc: 'x where x is positive, else alpha * (e^(x / alpha) - 1): an elu whose slope is 1 at 0 whatever alpha is.',
  params: [{ name: 'alpha', kind: 'number', above: 0, default: 1, doc: 'what is approached far below 0, negative' }],
  example: 'x |> celu(0.5)',
  build: ({ input, args, emit }) => {
    const alpha = args.alpha as number;
    return emit('elu', [input], { alpha, scale: 1, input_scale: 1 / alpha });
  },
};

export const softplusLayer: LayerDefinition = {
  doc: 'ln(1 + e^(beta * x)) / beta, a smooth relu; x itself where beta * x is above the threshold.',
  params: [
    { name: 'beta', kind: 'number', above: 0, default: 1, doc: 'the larger, the closer to relu' },
    { name: 'threshold', kind: 'number', default: 20, doc: 'beta * x from which on the result is x' },
  ],
  example: 'x |> softplus',
  build: ({ input, args, emit }) => emit('softplus', [input], { beta: args.beta as number, threshold: args.threshold as number }),
};

export const gluLayer: LayerDefinition = {
  doc: 'The first half of the channels times the sigmoid of the second: a gate for each.',
  params: [],
  example: 'x |> linear(64) |> glu',
  build: ({ input, emit, type }) => {
    const { shape } = type(input);
    const axis = shape.length - 1;
    const channels = shape[axis];
    constrain(
      channels % 2 === 0,
      'glu_layer_c1',
      () => `glu halves the channels, and ${formatShape(shape.slice(1))} has ${channels}, an odd number`,
    );
    const half = (start: number) => emit('slice', [input], { axis, start, size: channels / 2 });
    return emit('mul', [half(0), emit('sigmoid', [half(channels / 2)])]);
  },
};
