import { type AxesSizes, axesSizes } from '../../ops/reductions.js';
import { fill, type KernelContext, type ReferenceKernel } from './kernel.js';

/** The sizes of a tensor of that shape along the node's axes. */
function sizesOf({ node }: KernelContext, shape: readonly number[]): AxesSizes {
  return axesSizes(shape, node.attrs);
}

/** For each place along the other axes: what `join` makes of the elements along the axes, one after the other. */
function reduce(context: KernelContext, start: number, join: (total: number, x: number, place: number) => number): Float64Array {
  const [x] = context.inputs;
  const { length, inner } = sizesOf(context, context.types[0].shape);
  const totals = new Float64Array(context.output.length).fill(start);
  for (let i = 0; i < x.length; i += 1) {
    const place = placeOf(i, length, inner);
    totals[place] = join(totals[place], x[i], place);
  }
  return totals;
}

/** The place along the other axes of element `i`. */
function placeOf(i: number, length: number, inner: number): number {
  return Math.floor(i / (length * inner)) * inner + (i % inner);
}

/** `output` = what `value` gives for each element and its place along the other axes. */
function spread(context: KernelContext, value: (place: number, element: number, length: number) => number): void {
  const { length, inner } = sizesOf(context, context.type.shape);
  fill(context.output, (i) => value(placeOf(i, length, inner), i, length));
}

const sum: ReferenceKernel = (context) => {
  const sums = reduce(context, 0, (total, x) => total + x);
  fill(context.output, (i) => sums[i]);
};

const mean: ReferenceKernel = (context) => {
  const { length } = sizesOf(context, context.types[0].shape);
  const sums = reduce(context, 0, (total, x) => total + x);
  fill(context.output, (i) => sums[i] / length);
};

const max: ReferenceKernel = (context) => {
  const largest = reduce(context, -Infinity, (best, x) => Math.max(best, x));
  fill(context.output, (i) => largest[i]);
};

const maxTies: ReferenceKernel = (context) => {
  const y = context.inputs[1];
  const counts = reduce(context, 0, (count, x, place) => count + (x === y[place] ? 1 : 0));
  fill(context.output, (i) => counts[i]);
};

const maxGrad: ReferenceKernel = (context) => {
  const [dy, x, y, ties] = context.inputs;
  spread(context, (place, i) => (x[i] === y[place] ? dy[place] / ties[place] : 0));
};

export const reductionKernels = {
  sum,
  mean,
  mean_grad: ((context) => spread(context, (place, _, length) => context.inputs[0][place] / length)) satisfies ReferenceKernel,
  max,
  max_ties: maxTies,
  max_grad: maxGrad,
};
