import { numbersAttr } from '../ir/types.js';
import { axisTaps } from '../ops/index.js';
import { axesSizes } from '../ops/reductions.js';
import { mostTaps } from '../ops/taps.js';
import { ANY, between, magnitude, meanRange, scaleRange, sumRange, widenFor, withZero } from './range.js';
import { type RangeContext, type RangeRule, rowsOf } from './range-rule.js';

function isPadded({ node }: RangeContext): boolean {
  return numbersAttr(node.attrs, 'padding').some((size) => size > 0);
}

/** How many windows of a size can hold one position. */
function windowsAt({ node }: RangeContext, window: readonly number[]): number {
  const stride = numbersAttr(node.attrs, 'stride');
  return window.reduce((count, size, axis) => count * Math.ceil(size / stride[axis]!), 1);
}

/** Padding never wins. */
const maxPool: RangeRule = ({ operands }) => operands[0]!;

const maxPoolIndex: RangeRule = ({ node }) => {
  const [rows, columns] = numbersAttr(node.attrs, 'window') as [number, number];
  return between(0, rows * columns - 1);
};

const maxPoolGrad: RangeRule = (context) => {
  const count = windowsAt(context, numbersAttr(context.node.attrs, 'window'));
  const dy = withZero(context.operands[0]!);
  return count === 1 ? dy : sumRange(dy, count);
};

const avgPool: RangeRule = (context) => {
  const x = context.operands[0]!;
  const [rows, columns] = numbersAttr(context.node.attrs, 'window') as [number, number];
  return meanRange(isPadded(context) ? withZero(x) : x, rows * columns);
};

const avgPoolGrad: RangeRule = (context) => {
  const window = numbersAttr(context.node.attrs, 'window') as [number, number];
  const sum = sumRange(withZero(context.operands[0]!), windowsAt(context, window));
  const mean = scaleRange(sum, 1 / (window[0] * window[1]));
  return widenFor(mean, 2, magnitude(mean));
};

const globalAvgPoolGrad: RangeRule = ({ operands, node }) => {
  const [height, width] = numbersAttr(node.attrs, 'size') as [number, number];
  const mean = scaleRange(operands[0]!, 1 / (height * width));
  return widenFor(mean, 2, magnitude(mean));
};

/** Weighted sums along rows and columns, by weights that are not negative. */
const taps: RangeRule = ({ operands, node, graph }) => {
  const [rows, columns] = axisTaps(node, [graph.nodes[node.inputs[0]!]!.type])!;
  const [down, across] = [mostTaps(rows), mostTaps(columns)];
  const sum = withZero(scaleRange(operands[0]!, down.weight * across.weight));
  return widenFor(sum, down.count * across.count + 4, magnitude(sum));
};

/** Ops that add up elements, or pick one of them. */
export const SUM_RULES = {
  sum_to_channel: ({ operands, shape }) => sumRange(operands[0]!, rowsOf(shape(0))),
  max_pool2d: maxPool,
  max_pool2d_index: maxPoolIndex,
  max_pool2d_grad: maxPoolGrad,
  pad_grad: taps,
  upsample_nearest_grad: taps,
  upsample_bilinear: taps,
  upsample_bilinear_grad: taps,
  clipped_avg_pool2d: taps,
  clipped_avg_pool2d_grad: taps,
  adaptive_avg_pool2d: taps,
  adaptive_avg_pool2d_grad: taps,
  avg_pool2d: avgPool,
  avg_pool2d_grad: avgPoolGrad,
  global_avg_pool: ({ operands, shape }) => meanRange(operands[0]!, shape(0)[1]! * shape(0)[2]!),
  global_avg_pool_grad: globalAvgPoolGrad,
  sum: ({ operands, node, shape }) => sumRange(operands[0]!, axesSizes(shape(0), node.attrs).length),
  mean: ({ operands, node, shape }) => meanRange(operands[0]!, axesSizes(shape(0), node.attrs).length),
  mean_grad: ({ operands, node }) => {
    const shared = scaleRange(operands[0]!, 1 / axesSizes(numbersAttr(node.attrs, 'shape'), node.attrs).length);
    return widenFor(shared, 2, magnitude(shared));
  },
  max: ({ operands }) => operands[0]!,
  max_ties: ({ node, shape }) => between(0, axesSizes(shape(0), node.attrs).length),
  // Where x is the largest, it is one of those counted.
  max_grad: ({ operands }) => (operands[3]!.low >= 1 ? withZero(operands[0]!) : ANY),
} as const satisfies Readonly<Record<string, RangeRule>>;
