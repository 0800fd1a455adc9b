import { elementCount, numbersAttr, type Shape } from '../../ir/types.js';
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

/** Calls `visit` with the number of each element of a tensor, in row-major order, and its index, which it may not keep. */
function forEachElement(shape: Shape, visit: (element: number, index: readonly number[]) => void): void {
  const count = elementCount(shape);
  const index = shape.map(() => 0);
  for (let element = 0; element < count; element += 1) {
    visit(element, index);
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      index[axis] += 1;
      if (index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

/** The number of the element at an index. */
function elementAt(shape: Shape, index: readonly number[]): number {
  let element = 0;
  for (let axis = 0; axis < shape.length; axis += 1) element = element * shape[axis] + index[axis];
  return element;
}

const transpose: ReferenceKernel = ({ node, type, inputs: [x], types: [{ shape }], output }) => {
  const axes = numbersAttr(node.attrs, 'axes');
  const from = shape.map(() => 0);
  forEachElement(type.shape, (element, index) => {
    for (const [axis, source] of axes.entries()) from[source] = index[axis];
    output[element] = x[elementAt(shape, from)];
  });
};

const broadcast: ReferenceKernel = ({ type, inputs: [x], types: [{ shape }], output }) => {
  const added = type.shape.length - shape.length;
  forEachElement(type.shape, (element, index) => {
    const from = shape.map((size, axis) => (size === 1 ? 0 : index[axis + added]));
    output[element] = x[elementAt(shape, from)];
  });
};

export const shapeKernels = { reshape, concat, slice, transpose, broadcast };
