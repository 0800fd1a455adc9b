import { numbersAttr } from '../../ir/types.js';
import { elementAt, forEachElement, paddedPlace } from './elements.js';
import type { ReferenceKernel } from './kernel.js';

/** Adds every dy to the element that it belongs to. */
const collect =
  (placeOf: (context: Parameters<ReferenceKernel>[0]) => (axis: number, i: number) => number): ReferenceKernel =>
  (context) => {
    const { type, types, inputs, output } = context;
    const place = placeOf(context);
    const sums = new Float64Array(output.length);
    forEachElement(types[0].shape, (element, index) => {
      sums[elementAt(type.shape, [index[0], place(1, index[1]), place(2, index[2]), index[3]])] += inputs[0][element];
    });
    output.set(sums);
  };

const padGrad = collect(({ node, type }) => {
  const before = numbersAttr(node.attrs, 'before');
  return (axis, i) => paddedPlace(i - before[axis], type.shape[axis], String(node.attrs.mode));
});

const upsampleNearestGrad = collect(({ node }) => {
  const factor = numbersAttr(node.attrs, 'factor');
  return (axis, i) => Math.floor(i / factor[axis - 1]);
});

/** The two places that point `i` of the larger axis lies between, with the share of each. */
function neighbours(i: number, factor: number, size: number): readonly (readonly [place: number, share: number])[] {
  const at = Math.min(Math.max((i + 0.5) / factor - 0.5, 0), size - 1);
  const first = Math.floor(at);
  return at === first
    ? [[first, 1]]
    : [
        [first, first + 1 - at],
        [first + 1, at - first],
      ];
}

const upsampleBilinear: ReferenceKernel = ({ node, type, types: [{ shape }], inputs: [x], output }) => {
  const [rows, columns] = numbersAttr(node.attrs, 'factor');
  forEachElement(type.shape, (element, [n, i, j, c]) => {
    let sum = 0;
    for (const [h, down] of neighbours(i, rows, shape[1]))
      for (const [w, across] of neighbours(j, columns, shape[2])) sum += down * across * x[elementAt(shape, [n, h, w, c])];
    output[element] = sum;
  });
};

const upsampleBilinearGrad: ReferenceKernel = ({ node, type: { shape }, types: [large], inputs: [dy], output }) => {
  const [rows, columns] = numbersAttr(node.attrs, 'factor');
  const sums = new Float64Array(output.length);
  forEachElement(large.shape, (element, [n, i, j, c]) => {
    for (const [h, down] of neighbours(i, rows, shape[1]))
      for (const [w, across] of neighbours(j, columns, shape[2])) sums[elementAt(shape, [n, h, w, c])] += down * across * dy[element];
  });
  output.set(sums);
};

export const resampleKernels = {
  pad_grad: padGrad,
  upsample_nearest_grad: upsampleNearestGrad,
  upsample_bilinear: upsampleBilinear,
  upsample_bilinear_grad: upsampleBilinearGrad,
};
