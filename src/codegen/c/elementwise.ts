import type { Node } from '../../ir/types.js';
import { elementCount, numberAttr, numbersAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import type { Scope } from './expression.js';
import { floatLiteral } from './text.js';

export interface ElementArguments {
  readonly node: Node;
  readonly scope: Scope;
  /** Number of operands. */
  readonly count: number;
  /** Operand as a `vf`, whatever its shape. */
  operand(index: number): string;
  /** Operand of shape [] as a C number. */
  scalar(index: number): string;
}

export interface ElementRule {
  /** The f32 result, before it is rounded to the node's format, as a `vf` expression. */
  readonly expression: (a: ElementArguments) => string;
  /** The result is an operand's value, its negation or a number of every format: no rounding when the formats agree. */
  readonly exact?: boolean;
  /** Ends in a multiplication, which must not be contracted with the next node's addition. */
  readonly product?: boolean;
}

const literal = (node: Node, name: string) => `vf_set(${floatLiteral(numberAttr(node.attrs, name))})`;

const unary = (expression: (x: string, node: Node) => string, options: Omit<ElementRule, 'expression'> = {}): ElementRule => ({
  expression: ({ operand, node }) => expression(operand(0), node),
  ...options,
});

const binary = (expression: (a: string, b: string, node: Node) => string, options: Omit<ElementRule, 'expression'> = {}): ElementRule => ({
  expression: ({ operand, node }) => expression(operand(0), operand(1), node),
  ...options,
});

/** A number per channel: a literal when all are equal, else a table that may be read from any channel on. */
function channelConstants(scope: Scope, key: string, values: readonly number[], channels: number): string {
  if (values.every((value) => value === values[0])) return `vf_set(${floatLiteral(values[0]!)})`;
  const entries = Array.from({ length: channels + scope.context.target.lanes }, (_, i) =>
    floatLiteral(values[(i % channels) % values.length]!),
  );
  const name = scope.table(key, entries);
  return `load_f32(${name} + ${scope.channelIndex(channels)})`;
}

/** (x / 255 - mean) / std as one multiplication and one subtraction, with both constants rounded to f32. */
function normalize({ node, operand, scope }: ElementArguments): string {
  const channels = node.type.shape.at(-1)!;
  const mean = numbersAttr(node.attrs, 'mean');
  const std = numbersAttr(node.attrs, 'std');
  const both = Array.from({ length: Math.max(mean.length, std.length) }, (_, c) => [mean[c % mean.length]!, std[c % std.length]!] as const);
  const factor = channelConstants(
    scope,
    `factor${scope.context.member(node.id)}`,
    both.map(([, s]) => 1 / (255 * s)),
    channels,
  );
  const shift = channelConstants(
    scope,
    `shift${scope.context.member(node.id)}`,
    both.map(([m, s]) => m / s),
    channels,
  );
  return `vf_fma(${operand(0)}, ${factor}, -(${shift}))`;
}

function batchNorm({ node, operand, scope }: ElementArguments): string {
  const [, mean, variance, weight, bias] = node.inputs as [number, number, number, number, number];
  const eps = literal(node, 'eps');
  const channels = node.type.shape.at(-1)!;
  const factor = scope.perChannel(
    channels,
    `norm ${variance} ${weight} ${eps}`,
    (inner) => `${inner.channel(weight)} / vf_sqrt(${inner.channel(variance)} + ${eps})`,
  );
  const shift = scope.perChannel(channels, `load ${mean}`, (inner) => inner.channel(mean));
  const offset = scope.perChannel(channels, `load ${bias}`, (inner) => inner.channel(bias));
  return `vf_fma(${operand(0)} - ${shift}, ${factor}, ${offset})`;
}

function batchNormInputGrad({ node, operand, scope }: ElementArguments): string {
  const [, , mean, variance, weight, dweight, dbias] = node.inputs as [number, number, number, number, number, number, number];
  const eps = literal(node, 'eps');
  const channels = node.type.shape.at(-1)!;
  const share = `vf_set(${floatLiteral(1 / (elementCount(node.type.shape) / channels))})`;
  const inverse = (inner: Scope) => `(vf_set(1.0f) / vf_sqrt(${inner.channel(variance)} + ${eps}))`;
  const factor = scope.perChannel(
    channels,
    `norm ${variance} ${weight} ${eps}`,
    (inner) => `${inner.channel(weight)} / vf_sqrt(${inner.channel(variance)} + ${eps})`,
  );
  const slope = scope.perChannel(
    channels,
    `slope ${variance} ${dweight} ${eps} ${share}`,
    (inner) => `${inverse(inner)} * ${inner.channel(dweight)} * ${share}`,
  );
  const offset = scope.perChannel(channels, `share ${dbias} ${share}`, (inner) => `${inner.channel(dbias)} * ${share}`);
  const shift = scope.perChannel(channels, `load ${mean}`, (inner) => inner.channel(mean));
  return `${factor} * (${operand(0)} - ${offset} - (${operand(1)} - ${shift}) * ${slope})`;
}

function dropout({ node, operand, scalar, scope }: ElementArguments): string {
  const rate = numberAttr(node.attrs, 'rate');
  const keys = `${numberAttr(node.attrs, 'seed') >>> 0}u, ${numberAttr(node.attrs, 'salt') >>> 0}u`;
  const threshold = Math.ceil(Math.fround(rate) * 2 ** 24);
  return `dropout(${operand(0)}, ${keys}, (uint32_t)${scalar(1)}, ${scope.at.index}, ${threshold}u, ${floatLiteral(1 / (1 - rate))})`;
}

const relu6 = (x: string) => `vf_select(${x} > vf_set(6.0f), vf_set(6.0f), vf_and(~(${x} <= vf_set(0.0f)), ${x}))`;

/** Ops that compute each element from the same element of their operands, from its channel's numbers and from scalars. */
export const ELEMENTWISE: Readonly<Record<OpOfKind<'elementwise' | 'scalar'>, ElementRule>> = {
  normalize: { expression: normalize },
  batch_norm: { expression: batchNorm },
  batch_norm_input_grad: { expression: batchNormInputGrad, product: true },
  dropout: { expression: dropout },

  relu: unary((x) => `vf_and(~(${x} <= vf_set(0.0f)), ${x})`, { exact: true }),
  relu6: unary(relu6, { exact: true }),
  gelu: unary((x) => `vf_gelu(${x})`, { product: true }),
  silu: unary((x) => `${x} * vf_sigmoid(${x})`, { product: true }),
  sigmoid: unary((x) => `vf_sigmoid(${x})`),
  tanh: unary((x) => `vf_tanh(${x})`),
  leaky_relu: unary((x, node) => `vf_select(${x} > vf_set(0.0f), ${x}, ${x} * ${literal(node, 'slope')})`),

  relu_grad: binary((dy, y) => `vf_and(${y} > vf_set(0.0f), ${dy})`, { exact: true }),
  relu6_grad: binary((dy, y) => `vf_and((${y} > vf_set(0.0f)) & (${y} < vf_set(6.0f)), ${dy})`, { exact: true }),
  sigmoid_grad: binary((dy, y) => `${dy} * ${y} * (vf_set(1.0f) - ${y})`, { product: true }),
  tanh_grad: binary((dy, y) => `${dy} * (vf_set(1.0f) - ${y} * ${y})`, { product: true }),
  gelu_grad: binary((dy, x) => `${dy} * vf_gelu_slope(${x})`, { product: true }),
  silu_grad: binary((dy, x) => `${dy} * vf_silu_slope(${x})`, { product: true }),
  leaky_relu_grad: binary((dy, x, node) => `vf_select(${x} > vf_set(0.0f), ${dy}, ${dy} * ${literal(node, 'slope')})`),

  add: binary((a, b) => `${a} + ${b}`),
  sub: binary((a, b) => `${a} - ${b}`),
  mul: binary((a, b) => `${a} * ${b}`, { product: true }),
  scale: unary((x, node) => `${x} * ${literal(node, 'factor')}`, { product: true }),
  cast: unary((x) => x, { exact: true }),

  scale_loss: binary((x, scale, node) => `${x} * ${scale} * ${literal(node, 'factor')}`, { product: true }),
  scale_loss_grad: binary((d, scale, node) => `${d} * ${scale} * ${literal(node, 'factor')}`, { product: true }),
  unscale: {
    expression: ({ operand, scalar, scope, node }) =>
      `${operand(0)} * vf_set(${scope.once(`inverse ${node.inputs[1]}`, `1.0f / ${scalar(1)}`)})`,
    product: true,
  },
  clip_by_norm: {
    expression: ({ operand, scalar, scope, node }) => {
      const max = floatLiteral(numberAttr(node.attrs, 'max'));
      return `${operand(0)} * vf_set(${scope.once(`clip ${node.inputs[1]} ${max}`, `clip_factor(${max}, ${scalar(1)})`)})`;
    },
    product: true,
  },
};
