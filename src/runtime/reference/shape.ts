import { elementCount, numbersAttr } from '../../ir/types.js';
import { elementAt, forEachElement, paddedPlace } from './elements.js';
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

const roll: ReferenceKernel = ({ node, type: { shape }, inputs: [x], output }) => {
  const [axes, shifts] = [numbersAttr(node.attrs, 'axes'), numbersAttr(node.attrs, 'shifts')];
  forEachElement(shape, (element, index) => {
    const to = [...index];
    for (const [k, axis] of axes.entries()) to[axis] = (((index[axis] + shifts[k]) % shape[axis]) + shape[axis]) % shape[axis];
    output[elementAt(shape, to)] = x[element];
  });
};

const pad: ReferenceKernel = ({ node, type, inputs: [x], types: [{ shape }], output }) => {
  const before = numbersAttr(node.attrs, 'before');
  forEachElement(type.shape, (element, index) => {
    const from = index.map((i, axis) => paddedPlace(i - before[axis], shape[axis], String(node.attrs.mode)));
    if (!from.includes(-1)) output[element] = x[elementAt(shape, from)];
  });
};

const upsampleNearest: ReferenceKernel = ({ node, type, inputs: [x], types: [{ shape }], output }) => {
  const [rows, columns] = numbersAttr(node.attrs, 'factor');
  forEachElement(type.shape, (element, [n, i, j, c]) => {
    output[element] = x[elementAt(shape, [n, Math.floor(i / rows), Math.floor(j / columns), c])];
  });
};

export const shapeKernels = { reshape, concat, slice, transpose, broadcast, roll, pad, upsample_nearest: upsampleNearest };
