import { numberAttr, type Shape, stringAttr } from '../../ir/types.js';
import { axisIn, type ChannelOrder, inOrder } from '../channel-order.js';
import { ownStatistics } from '../own-statistics.js';
import type { FlatImage, TorchContext, TorchEmitter } from './context.js';
import { number, tuple } from './python.js';

/** Operands of four axes channels first where one of them has them there. */
function commonOrder(context: TorchContext): ChannelOrder {
  const isFirst = context.node.inputs.some((_, index) => context.given(index).order === 'first');
  return context.type.shape.length === 4 && isFirst ? 'first' : 'last';
}

const reshape: TorchEmitter = (context) => {
  const { shape } = context.type;
  const from = context.operandNode(0).type.shape;
  if (from.length === 4 && shape.length === 2 && from[1]! * from[2]! > 1 && from[0] === shape[0])
    return { text: `${context.operand(0, 'first')}.flatten(1)`, order: 'first', image: from.slice(1) as unknown as FlatImage };
  if (from.length === 2 && shape.length === 4 && shape[1] === 1 && shape[2] === 1 && shape[0] === from[0])
    return { text: `${context.operand(0)}[:, :, None, None]`, order: 'first' };
  return { text: `${context.operand(0)}.reshape${tuple(context.sizes(shape))}`, order: 'last' };
};

const concat: TorchEmitter = (context) => {
  const order = commonOrder(context);
  const operands = context.node.inputs.map((_, index) => context.operand(index, order));
  return { text: `torch.cat([${operands.join(', ')}], dim=${context.axis(context.number('axis'), order)})`, order };
};

const slice: TorchEmitter = (context) => {
  const order = commonOrder(context);
  const at = [context.axis(context.number('axis'), order), context.number('start'), context.number('size')];
  return { text: `${context.operand(0, order)}.narrow${tuple(at)}`, order };
};

const transpose: TorchEmitter = (context) => ({ text: `${context.operand(0)}.permute${tuple(context.numbers('axes'))}`, order: 'last' });

const broadcast: TorchEmitter = (context) => {
  const { shape } = context.type;
  const sizes = shape[0] === context.batch ? [context.batchSize(), ...shape.slice(1)] : shape;
  return { text: `${context.operand(0)}.expand${tuple(sizes)}`, order: 'last' };
};

const roll: TorchEmitter = (context) => {
  const order = commonOrder(context);
  const axes = context.numbers('axes').map((axis) => context.axis(axis, order));
  return { text: `torch.roll(${context.operand(0, order)}, ${tuple(context.numbers('shifts'))}, ${tuple(axes)})`, order };
};

const PAD_MODES: Readonly<Record<string, string>> = { zero: 'constant', reflect: 'reflect', replicate: 'replicate' };

const pad: TorchEmitter = (context) => {
  const rank = context.type.shape.length;
  const mode = PAD_MODES[stringAttr(context.attrs, 'mode')]!;
  // Only of rows and columns that come last are others than zeros.
  const order: ChannelOrder = rank === 4 && mode !== 'constant' ? 'first' : commonOrder(context);
  const amounts = (name: string) => (rank === 4 ? inOrder(order, context.numbers(name)) : context.numbers(name));
  const [before, after] = [amounts('before'), amounts('after')];
  const first = before.findIndex((amount, axis) => amount !== 0 || after[axis] !== 0);
  const given = before
    .flatMap((amount, axis) => (axis < Math.max(first, 0) ? [] : [[amount, after[axis]!]]))
    .reverse()
    .flat();
  const how = mode === 'constant' ? '' : `, mode="${mode}"`;
  return { text: `F.pad(${context.operand(0, order)}, ${tuple(given)}${how})`, order };
};

const reduced =
  (method: string): TorchEmitter =>
  (context) => {
    const from = context.operandNode(0).type.shape;
    const isImage = from.length === 4;
    const keep = context.attrs.keep === true;
    const given = context.given(0);
    // Without their axes, rows and columns of an image leave the channels last in either order.
    const isSpatial = context.numbers('axes').join() === '1,2';
    const order = isImage && (keep || isSpatial) ? given.order : 'last';
    const axes = context.numbers('axes').map((axis) => (isImage ? axisIn(order, axis) : axis));
    const text = `${context.operand(0, order)}.${method}(${tuple(axes)}${keep ? ', keepdim=True' : ''})`;
    return { text, order: keep ? order : 'last' };
  };

const softmax: TorchEmitter = (context) => {
  const x = context.operand(0);
  if (context.attrs.causal !== true) return { text: `F.softmax(${x}, dim=-1)`, order: 'last' };
  const [rows, columns] = context.type.shape.slice(-2);
  const hidden = `torch.ones(${rows}, ${columns}, dtype=torch.bool, device=${x}.device).triu(1)`;
  return { text: `F.softmax(${x}.masked_fill(${hidden}, -float("inf")), dim=-1)`, order: 'last' };
};

const layerNormStatistics: TorchEmitter = (context) => {
  const x = context.operand(0);
  const eps = number(context.number('eps'));
  if (context.attrs.center === false) {
    const inverse = `torch.rsqrt(${x}.square().mean(-1, keepdim=True) + ${eps})`;
    return { text: `torch.cat([torch.zeros_like(${x}.narrow(-1, 0, 1)), ${inverse}], dim=-1)`, order: 'last' };
  }
  const inverse = `torch.rsqrt(${x}.var(-1, keepdim=True, correction=0) + ${eps})`;
  return { text: `torch.cat([${x}.mean(-1, keepdim=True), ${inverse}], dim=-1)`, order: 'last' };
};

const layerNorm: TorchEmitter = (context) => {
  const x = context.operand(0);
  const statistics = ownStatistics(context.graph, context.node);
  if (statistics === undefined) {
    const given = context.operand(1);
    const normalized = `(${x} - ${given}.narrow(-1, 0, 1)) * ${given}.narrow(-1, 1, 1)`;
    return { text: `${normalized} * ${context.operand(2)} + ${context.operand(3)}`, order: 'last' };
  }
  const eps = number(numberAttr(statistics.attrs, 'eps'));
  const size: Shape = context.type.shape.slice(-1);
  const known = (index: number, neutral: number) =>
    context.operandNode(index).attrs.value === neutral &&
    context.operandNode(index).inputs.length === 0 &&
    context.operandNode(index).attrs.name === undefined;
  const weight = known(2, 1) ? 'None' : context.operand(2);
  if (context.attrs.center === false) return { text: `F.rms_norm(${x}, ${tuple(size)}, ${weight}, ${eps})`, order: 'last' };
  const bias = known(3, 0) ? 'None' : context.operand(3);
  return { text: `F.layer_norm(${x}, ${tuple(size)}, ${weight}, ${bias}, ${eps})`, order: 'last' };
};

const batchNorm: TorchEmitter = (context) => {
  const isImage = context.type.shape.length === 4;
  const order: ChannelOrder = isImage ? 'first' : 'last';
  const [x, mean, variance, weight, bias] = [context.operand(0, order), ...[1, 2, 3, 4].map((index) => context.operand(index))];
  const eps = number(context.number('eps'));
  if (isImage || context.type.shape.length === 2)
    return { text: `F.batch_norm(${x}, ${mean}, ${variance}, ${weight}, ${bias}, eps=${eps})`, order };
  return { text: `(${x} - ${mean}) * torch.rsqrt(${variance} + ${eps}) * ${weight} + ${bias}`, order };
};

export const shapeEmitters = {
  reshape,
  concat,
  slice,
  transpose,
  broadcast,
  roll,
  pad,
  sum: reduced('sum'),
  mean: reduced('mean'),
  max: reduced('amax'),
  softmax,
  log_softmax: ((context) => ({ text: `F.log_softmax(${context.operand(0)}, dim=-1)`, order: 'last' })) satisfies TorchEmitter,
  layer_norm_statistics: layerNormStatistics,
  layer_norm: layerNorm,
  batch_norm: batchNorm,
};
