import { numbersAttr } from '../../ir/types.js';
import { attr, type Kernel } from './kernel.js';

const slice: Kernel = (context) => {
  const { tf, inputs, types, type } = context;
  const axis = attr(context, 'axis');
  return tf.slice(
    inputs[0]!,
    types[0]!.shape.map((_, i) => (i === axis ? attr(context, 'start') : 0)),
    type.shape,
  );
};

const reshape: Kernel = ({ tf, inputs: [x], type }) => tf.reshape(x!, type.shape);

const concat: Kernel = (context) => context.tf.concat(context.inputs, attr(context, 'axis'));

const transpose: Kernel = ({ tf, node, inputs: [x] }) => tf.transpose(x!, numbersAttr(node.attrs, 'axes'));

const broadcast: Kernel = ({ tf, inputs: [x], type }) => tf.broadcast(x!, type.shape);

export const shapeKernels = { reshape, concat, slice, transpose, broadcast };
