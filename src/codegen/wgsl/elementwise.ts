import type { Node } from '../../ir/types.js';
import { elementCount, numberAttr, numbersAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { floatLiteral } from './literal.js';
import type { Scope } from './scope.js';

export interface ElementArguments {
  readonly node: Node;
  readonly scope: Scope;
  /** Operand as an f32 at the element, whatever its shape. */
  operand(index: number): string;
  /** Operand of shape [] in its own type. */
  scalar(index: number): string;
}

export interface ElementRule {
  /** The f32 result, before it is rounded to the node's format. */
  readonly expression: (a: ElementArguments) => string;
  /** The result is an operand's value, its negation or a number of every format: no rounding when the formats agree. */
  readonly exact?: boolean;
  /** Ends in a multiplication, which must not be contracted with the next node's addition. */
  readonly product?: boolean;
}

type Options = Omit<ElementRule, 'expression'>;

const literal = (node: Node, name: string) => floatLiteral(numberAttr(node.attrs, name));

const unary = (expression: (x: string, node: Node) => string, options: Options = {}): ElementRule => ({
  expression: ({ operand, node }) => expression(operand(0), node),
  ...options,
});

const binary = (expression: (a: string, b: string, node: Node) => string, options: Options = {}): ElementRule => ({
  expression: ({ operand, node }) => expression(operand(0), operand(1), node),
  ...options,
});

/** A number per channel: a literal when all are equal, else an element of a constant table. */
function channelConstant(scope: Scope, values: readonly number[]): string {
  if (values.every((value) => value === values[0])) return floatLiteral(values[0]!);
  const name = scope.kernel.name('table');
  scope.kernel.globals.push(`const ${name} = array<f32, ${values.length}>(${values.map(floatLiteral).join(', ')});`);
  return `${name}[${scope.channel(values.length)}]`;
}

/** (x / 255 - mean) / std as one multiplication and one subtraction, with both constants rounded to f32. */
function normalize({ node, operand, scope }: ElementArguments): string {
  const mean = numbersAttr(node.attrs, 'mean');
  const std = numbersAttr(node.attrs, 'std');
  const factor = channelConstant(
    scope,
    std.map((s) => 1 / (255 * s)),
  );
  const shift = channelConstant(
    scope,
    mean.map((m, c) => m / std[c]!),
  );
  return `${operand(0)} * ${factor} - ${shift}`;
}

function batchNorm({ node, operand, scope }: ElementArguments): string {
  const [, mean, variance, weight, bias] = node.inputs.map((id, i) => (i === 0 ? '' : scope.perChannel(id))) as [
    string,
    string,
    string,
    string,
    string,
  ];
  return `(${operand(0)} - ${mean}) * (${weight} / sqrt(${variance} + ${literal(node, 'eps')})) + ${bias}`;
}

function batchNormInputGrad({ node, operand, scope }: ElementArguments): string {
  const [mean, variance, weight, dweight, dbias] = node.inputs.slice(2).map((id) => scope.perChannel(id)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const share = floatLiteral(node.type.shape.at(-1)! / elementCount(node.type.shape));
  const inverse = scope.let(`1.0f / sqrt(${variance} + ${literal(node, 'eps')})`);
  return `${weight} * ${inverse} * (${operand(0)} - ${dbias} * ${share} - (${operand(1)} - ${mean}) * (${inverse} * ${dweight} * ${share}))`;
}

function dropout({ node, operand, scalar, scope }: ElementArguments): string {
  const rate = numberAttr(node.attrs, 'rate');
  const keys = `${numberAttr(node.attrs, 'seed') >>> 0}u, ${numberAttr(node.attrs, 'salt') >>> 0}u`;
  const threshold = Math.ceil(Math.fround(rate) * 2 ** 24);
  return `dropout(${operand(0)}, ${keys}, u32(${scalar(1)}), ${scope.at.index}, ${threshold}u, ${floatLiteral(1 / (1 - rate))})`;
}

/** x * max / (norm + 1e-6) where that is smaller than x. Of a large norm 2^-64 is taken, as max / norm may be too small for f32. */
function clipByNorm({ node, operand, scalar, scope }: ElementArguments): string {
  const norm = scalar(1);
  const isLarge = scope.let(`${norm} >= 0x1p64f`);
  const part = scope.let(`select(1.0f, 0x1p-64f, ${isLarge})`);
  const factor = scope.let(`${literal(node, 'max')} / (${norm} * ${part} + select(1e-6f, 0.0f, ${isLarge}))`);
  // A NaN norm makes every gradient NaN, as in PyTorch.
  const isBelow = scope.let(`${factor} * ${part} < 1.0f || is_nan(${factor})`);
  return `select(${operand(0)}, keep(${operand(0)} * ${part}) * ${factor}, ${isBelow})`;
}

/** Ops that compute each element from the same element of their operands, from its channel's numbers and from scalars. */
export const ELEMENTWISE: Readonly<Record<OpOfKind<'elementwise' | 'scalar'>, ElementRule>> = {
  normalize: { expression: normalize },
  batch_norm: { expression: batchNorm },
  batch_norm_input_grad: { expression: batchNormInputGrad, product: true },
  dropout: { expression: dropout, product: true },

  relu: unary((x) => `relu(${x})`, { exact: true }),
  relu6: unary((x) => `select(relu(${x}), 6.0f, ${x} > 6.0f)`, { exact: true }),
  gelu: unary((x) => `${x} * normal(${x})`, { product: true }),
  silu: unary((x) => `${x} * sigmoid(${x})`, { product: true }),
  sigmoid: unary((x) => `sigmoid(${x})`),
  tanh: unary((x) => `tanh_(${x})`),
  leaky_relu: unary((x, node) => `select(${x} * ${literal(node, 'slope')}, ${x}, ${x} > 0.0f)`, { product: true }),

  relu_grad: binary((dy, y) => `select(0.0f, ${dy}, ${y} > 0.0f)`, { exact: true }),
  relu6_grad: binary((dy, y) => `select(0.0f, ${dy}, ${y} > 0.0f && ${y} < 6.0f)`, { exact: true }),
  sigmoid_grad: binary((dy, y) => `${dy} * ${y} * (1.0f - ${y})`, { product: true }),
  tanh_grad: binary((dy, y) => `${dy} * (1.0f - ${y} * ${y})`, { product: true }),
  gelu_grad: binary((dy, x) => `${dy} * gelu_slope(${x})`, { product: true }),
  silu_grad: binary((dy, x) => `${dy} * silu_slope(${x})`, { product: true }),
  leaky_relu_grad: binary((dy, x, node) => `select(${dy} * ${literal(node, 'slope')}, ${dy}, ${x} > 0.0f)`, { product: true }),

  add: binary((a, b) => `${a} + ${b}`),
  sub: binary((a, b) => `${a} - ${b}`),
  mul: binary((a, b) => `${a} * ${b}`, { product: true }),
  scale: unary((x, node) => `${x} * ${literal(node, 'factor')}`, { product: true }),
  cast: unary((x) => x, { exact: true }),

  scale_loss: binary((x, scale, node) => `keep(${x} * ${scale}) * ${literal(node, 'factor')}`, { product: true }),
  scale_loss_grad: binary((d, scale, node) => `keep(${d} * ${scale}) * ${literal(node, 'factor')}`, { product: true }),
  unscale: { expression: ({ operand, scalar }) => `${operand(0)} * (1.0f / ${scalar(1)})`, product: true },
  clip_by_norm: { expression: clipByNorm, product: true },
};
