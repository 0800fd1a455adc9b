import { elementCount } from '../../ir/types.js';
import { attr, type ReferenceKernel } from './kernel.js';

const reshape: ReferenceKernel = ({ inputs: [x], output }) => output.set(x);

const concat: ReferenceKernel = (context) => {
  const { type, types, inputs, output } = context;
  const axis = attr(context, 'axis');
  const outer = elementCount(type.shape.slice(0, axis));
  const inner = elementCount(type.shape.slice(axis + 1));
  let at = 0;
  for (let o = 0; o < outer; o += 1) {
    for (const [i, part] of inputs.entries()) {
      const length = types[i].shape[axis] * inner;
      output.set(part.subarray(o * length, (o + 1) * length), at);
      at += length;
    }
  }
};

const slice: ReferenceKernel = (context) => {
  const {
    types: [type],
    inputs: [x],
    output,
  } = context;
  const axis = attr(context, 'axis');
  const outer = elementCount(type.shape.slice(0, axis));
  const inner = elementCount(type.shape.slice(axis + 1));
  const length = attr(context, 'size') * inner;
  for (let o = 0; o < outer; o += 1) {
    const from = (o * type.shape[axis] + attr(context, 'start')) * inner;
    output.set(x.subarray(from, from + length), o * length);
  }
};

export const shapeKernels = { reshape, concat, slice };
