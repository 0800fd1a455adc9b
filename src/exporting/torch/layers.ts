import { isConstant, isState } from '../../ir/structure.js';
import { type Node, numberAttr } from '../../ir/types.js';
import { groupsOf } from '../../ops/contraction-geometry.js';
import { dilationOf, reach } from '../../ops/window.js';
import { ownStatistics } from '../own-statistics.js';
import type { TorchContext, TorchEmitter, TorchValue } from './context.js';
import { number, pairOf, tuple } from './python.js';

/** How a layer of torch.nn is made. */
export interface Construction {
  readonly type: string;
  /** In order; those with a name of Python are given by it. */
  readonly args: readonly { readonly name: string; readonly value: string; readonly positional?: true }[];
}

/** A layer that has its parameters itself, which torch.nn has too. */
export interface LayerForm {
  /** Operands that have to be states of the layer or, where it learns nothing there, constants; by what they are called in it. */
  readonly parameters: Readonly<Record<number, string>>;
  readonly make: (context: TorchContext) => Construction;
  /** What it is called with, and what that results in. */
  readonly call: (context: TorchContext) => { readonly argument: string; readonly result: Omit<TorchValue, 'text'> };
  /** Whether torch.nn has it with these attributes. */
  readonly fits?: (context: TorchContext) => boolean;
}

type Argument = Construction['args'][number];

const positional = (name: string, value: number | string): Argument => ({ name, value: String(value), positional: true });
const named = (name: string, value: string, usual: string): readonly Argument[] => (value === usual ? [] : [{ name, value }]);

function windowOf(context: TorchContext) {
  const [top, bottom, left, right] = context.numbers('padding') as readonly [number, number, number, number];
  return { top, bottom, left, right, isEven: top === bottom && left === right };
}

/** An image with its padding around it where a layer's own would be the same on both sides. */
export function padded(context: TorchContext, value?: string): string {
  const { top, bottom, left, right, isEven } = windowOf(context);
  const x = context.operand(0, 'first');
  return isEven ? x : `F.pad(${x}, ${tuple([left, right, top, bottom])}${value === undefined ? '' : `, value=${value}`})`;
}

function convolutionArguments(context: TorchContext): readonly Argument[] {
  const { top, left, isEven } = windowOf(context);
  return [
    ...named('stride', pairOf(context.numbers('stride')), '1'),
    ...named('padding', isEven ? pairOf([top, left]) : '0', '0'),
    ...named('dilation', pairOf(dilationOf(context.attrs)), '1'),
    ...named('groups', String(groupsOf(context.attrs)), '1'),
  ];
}

const biasArgument = (context: TorchContext) => named('bias', context.hasOperand(2) ? 'True' : 'False', 'True');

const conv2d: LayerForm = {
  parameters: { 1: 'weight', 2: 'bias' },
  make: (context) => {
    const [rows, columns, inputs, outputs] = context.operandNode(1).type.shape as readonly [number, number, number, number];
    const channels = [positional('in_channels', inputs * groupsOf(context.attrs)), positional('out_channels', outputs)];
    const kernel = positional('kernel_size', pairOf([rows, columns]));
    return { type: 'nn.Conv2d', args: [...channels, kernel, ...convolutionArguments(context), ...biasArgument(context)] };
  },
  call: (context) => ({ argument: padded(context), result: { order: 'first' } }),
};

/** What the result has beyond the last place that a window reaches; undefined where torch has no such layer. */
function outputPadding(context: TorchContext): readonly number[] | undefined {
  const { top, bottom, left, right, isEven } = windowOf(context);
  if (!isEven) return undefined;
  const { shape } = context.operandNode(1).type;
  const spans = reach([shape[0]!, shape[1]!], dilationOf(context.attrs));
  const image = context.operandNode(0).type.shape;
  const stride = context.numbers('stride');
  const paddings = [top + bottom, left + right];
  return context.numbers('size').map((size, axis) => size - ((image[axis + 1]! - 1) * stride[axis]! - paddings[axis]! + spans[axis]!));
}

const convTranspose2d: LayerForm = {
  parameters: { 1: 'weight', 2: 'bias' },
  fits: (context) => outputPadding(context) !== undefined,
  make: (context) => {
    const [rows, columns, outputs, inputs] = context.operandNode(1).type.shape as readonly [number, number, number, number];
    const channels = [positional('in_channels', inputs), positional('out_channels', outputs * groupsOf(context.attrs))];
    const kernel = positional('kernel_size', pairOf([rows, columns]));
    const more = named('output_padding', pairOf(outputPadding(context)!), '0');
    return { type: 'nn.ConvTranspose2d', args: [...channels, kernel, ...convolutionArguments(context), ...more, ...biasArgument(context)] };
  },
  call: (context) => ({ argument: context.operand(0, 'first'), result: { order: 'first' } }),
};

const linear: LayerForm = {
  parameters: { 1: 'weight', 2: 'bias' },
  make: (context) => {
    const [inputs, outputs] = context.operandNode(1).type.shape as readonly [number, number];
    const features = [positional('in_features', inputs), positional('out_features', outputs)];
    return { type: 'nn.Linear', args: [...features, ...biasArgument(context)] };
  },
  call: (context) => ({ argument: context.features(1).text, result: { order: 'last' } }),
};

/** Whether nothing is learned there: a constant that changes nothing. */
function isNeutral(node: Node, neutral: number): boolean {
  return isConstant(node) && numberAttr(node.attrs, 'value') === neutral;
}

const batchNorm: LayerForm = {
  parameters: { 1: 'running_mean', 2: 'running_var', 3: 'weight', 4: 'bias' },
  fits: (context) => {
    const rank = context.type.shape.length;
    const learned = [3, 4].map((index) => isState(context.operandNode(index)));
    const plain = isNeutral(context.operandNode(3), 1) && isNeutral(context.operandNode(4), 0);
    return (rank === 4 || rank === 2) && (learned.every(Boolean) || plain);
  },
  make: (context) => {
    const { shape } = context.type;
    const affine = named('affine', isState(context.operandNode(3)) ? 'True' : 'False', 'True');
    const args = [positional('num_features', shape.at(-1)!), ...named('eps', number(context.number('eps')), '0.00001'), ...affine];
    return { type: shape.length === 4 ? 'nn.BatchNorm2d' : 'nn.BatchNorm1d', args };
  },
  call: (context) => {
    if (context.type.shape.length === 4) return { argument: context.operand(0, 'first'), result: { order: 'first' } };
    const { text, ...result } = context.features(1);
    return { argument: text, result };
  },
};

const layerNorm: LayerForm = {
  parameters: { 2: 'weight', 3: 'bias' },
  fits: (context) => {
    if (ownStatistics(context.graph, context.node) === undefined) return false;
    return context.attrs.center !== false || isNeutral(context.operandNode(3), 0);
  },
  make: (context) => {
    const bias = context.operandNode(3);
    const isRoot = context.attrs.center === false;
    const size = positional('normalized_shape', context.type.shape.at(-1)!);
    const eps = named('eps', number(context.operandNode(1).attrs.eps as number), isRoot ? '' : '0.00001');
    const shift = isRoot ? [] : named('bias', isState(bias) ? 'True' : 'False', 'True');
    return { type: isRoot ? 'nn.RMSNorm' : 'nn.LayerNorm', args: [size, ...eps, ...shift] };
  },
  call: (context) => {
    const { text, ...result } = context.features(2);
    return { argument: text, result };
  },
};

/** Layers that torch.nn has as modules, by op. */
export const LAYER_FORMS = {
  conv2d,
  conv_transpose2d: convTranspose2d,
  linear,
  batch_norm: batchNorm,
  layer_norm: layerNorm,
} as const satisfies Readonly<Record<string, LayerForm>>;

const bias = (context: TorchContext) => (context.hasOperand(2) ? context.operand(2) : 'None');

/** A weight as torch takes it, also one that is computed, in ampc's order. */
function weightOf(context: TorchContext): string {
  if (isState(context.operandNode(1))) return context.parameter(1);
  return `${context.operand(1)}.permute${tuple(context.operandNode(1).type.shape.length === 4 ? [3, 2, 0, 1] : [1, 0])}`;
}

/** The same ops where their weights belong to something else. */
export const weightedEmitters = {
  conv2d: ((context) => {
    const args = convolutionArguments(context).map(({ name, value }) => `, ${name}=${value}`);
    return { text: `F.conv2d(${padded(context)}, ${weightOf(context)}, ${bias(context)}${args.join('')})`, order: 'first' };
  }) satisfies TorchEmitter,
  conv_transpose2d: ((context) => {
    const { top, left, isEven } = windowOf(context);
    const [x, weight] = [context.operand(0, 'first'), weightOf(context)];
    const written = (args: readonly Argument[]) =>
      `F.conv_transpose2d(${[x, weight, bias(context), ...args.map(({ name, value }) => `${name}=${value}`)].join(', ')})`;
    if (isEven) {
      const more = named('output_padding', pairOf(outputPadding(context)!), '0');
      return { text: written([...convolutionArguments(context), ...more]), order: 'first' };
    }
    // All that the windows reach, and of that what is asked for.
    const { shape } = context.operandNode(1).type;
    const [spans, image] = [reach([shape[0]!, shape[1]!], dilationOf(context.attrs)), context.operandNode(0).type.shape];
    const [size, stride] = [context.numbers('size'), context.numbers('stride')];
    const more = [top, left].map((cut, axis) => Math.max(0, cut + size[axis]! - ((image[axis + 1]! - 1) * stride[axis]! + spans[axis]!)));
    const all = written([...convolutionArguments(context), ...named('output_padding', pairOf(more), '0')]);
    return { text: `${all}.narrow(2, ${top}, ${size[0]}).narrow(3, ${left}, ${size[1]})`, order: 'first' };
  }) satisfies TorchEmitter,
  linear: ((context) => {
    const { text } = context.features(1);
    return { text: `F.linear(${text}, ${weightOf(context)}, ${bias(context)})`, order: 'last' };
  }) satisfies TorchEmitter,
  matmul: ((context) => {
    const [a, b] = [context.operand(0), context.operand(1)];
    const { transposed } = context.attrs;
    return { text: `${transposed === 'a' ? `${a}.mT` : a} @ ${transposed === 'b' ? `${b}.mT` : b}`, order: 'last' };
  }) satisfies TorchEmitter,
};
