import { stringAttr } from '../../ir/types.js';
import { axisIn, inOrder } from '../channel-order.js';
import type { EmitContext, Emitter } from './context.js';
import type { Value } from './writer.js';

const reshape: Emitter = (context) => context.reshape(context.operand(0), context.type.shape);

const concat: Emitter = (context) => {
  const operands = context.node.inputs.map((_, index) => context.operand(index, context.order));
  return context.moved('Concat', operands, { axis: context.axis(context.number('axis')) }, context.shape);
};

/** Elements of one axis of a tensor in the node's order. */
function range(context: EmitContext, x: Value, axis: number, start: number, size: number): Value {
  const { writer } = context;
  const at = context.axis(axis);
  const shape = x.shape.map((length, a) => (a === at ? size : length));
  return context.moved('Slice', [x, writer.ints([start]), writer.ints([start + size]), writer.ints([at])], {}, shape);
}

const slice: Emitter = (context) =>
  range(context, context.operand(0, context.order), context.number('axis'), context.number('start'), context.number('size'));

const transpose: Emitter = (context) => context.writer.transpose(context.operand(0), context.numbers('axes'));

/** Channels last: what reads elements takes what is repeated instead. */
const broadcast: Emitter = (context) => {
  const { shape } = context.type;
  const x = context.operand(0);
  const [first, ...others] = shape;
  if (first !== context.batch) return context.moved('Expand', [x, context.writer.ints(shape)], {}, shape);
  if (x.shape.length === shape.length && x.shape[0] === context.batch)
    return context.moved('Expand', [x, context.writer.ints([1, ...others])], {}, shape);
  const rest = context.writer.ints(others);
  const given = context.writer.op('Concat', [context.batchSize(), rest], { axis: 0 }, { dtype: 'i32', shape: [shape.length] });
  return context.moved('Expand', [x, given], {}, shape);
};

const roll: Emitter = (context) => {
  const [axes, shifts] = [context.numbers('axes'), context.numbers('shifts')];
  return axes.reduce(
    (y, axis, k) => {
      const size = context.type.shape[axis]!;
      const shift = ((shifts[k]! % size) + size) % size;
      if (shift === 0) return y;
      const parts = [range(context, y, axis, size - shift, shift), range(context, y, axis, 0, size - shift)];
      return context.moved('Concat', parts, { axis: context.axis(axis) }, context.shape);
    },
    context.operand(0, context.order),
  );
};

const PAD_MODES: Readonly<Record<string, string>> = { zero: 'constant', reflect: 'reflect', replicate: 'edge' };

const pad: Emitter = (context) => {
  const rank = context.type.shape.length;
  const amounts = (name: string) => (rank === 4 ? inOrder(context.order, context.numbers(name)) : context.numbers(name));
  const given = context.writer.ints([...amounts('before'), ...amounts('after')]);
  const mode = PAD_MODES[stringAttr(context.attrs, 'mode')]!;
  return context.moved('Pad', [context.operand(0, context.order), given], { mode }, context.shape);
};

/** A number of all elements along some axes. */
const reduced =
  (type: string): Emitter =>
  (context) => {
    const from = context.operandNode(0);
    const isImage = from.type.shape.length === 4;
    const keep = context.attrs.keep === true;
    // Without their axes, rows and columns of an image leave the channels last in either order.
    const source = context.orders[from.id]!;
    const isSpatial = isImage && context.numbers('axes').join() === '1,2';
    const order = keep ? context.order : isSpatial ? source : 'last';
    const axes = context.numbers('axes').map((axis) => (isImage ? axisIn(order, axis) : axis));
    return context.op(type, [context.operand(0, order), context.writer.list(axes)], { keepdims: keep ? 1 : 0 });
  };

export const shapeEmitters = {
  reshape,
  concat,
  slice,
  transpose,
  broadcast,
  roll,
  pad,
  sum: reduced('ReduceSum'),
  mean: reduced('ReduceMean'),
  max: reduced('ReduceMax'),
};
