import type { WireType } from '../../ir/ranks.js';
import { optionalNumberAttr, stringAttr } from '../../ir/types.js';
import { uniformAt } from '../../random/threefry.js';
import { addUp } from '../collectives.js';
import { curveKernels } from './curves.js';
import { attr, fill, type KernelContext, map, type ReferenceKernel, zip, zip3 } from './kernel.js';

/** What passes to the operand that is ahead by so much. */
function passed(dy: number, lead: number): number {
  if (lead === 0) return dy / 2;
  return lead < 0 ? 0 : dy;
}

const dropout: ReferenceKernel = (context) => {
  const [x, step] = context.inputs;
  const seed = attr(context, 'seed');
  const salt = attr(context, 'salt');
  const threshold = Math.fround(attr(context, 'rate'));
  const factor = context.f32(1 / (1 - attr(context, 'rate')));
  const before = optionalNumberAttr(context.node.attrs, 'first', 0);
  fill(context.output, (i) => (uniformAt(seed, salt, before + i, step[0]) >= threshold ? x[i] * factor : 0));
};

/** What it means on one rank by itself; `evaluateAmong` asks the others. */
const allReduce: ReferenceKernel = ({ node, inputs: [x], output }) => {
  if (!(output instanceof Float32Array)) return fill(output, (i) => x[i]);
  output.set(addUp([Float32Array.from(x)], stringAttr(node.attrs, 'wire') as WireType));
};

export const elementwiseKernels = {
  all_reduce: allReduce,
  ...curveKernels,
  prelu: zip(() => (x, slope) => (x > 0 ? x : x * slope)),
  prelu_grad: zip3((dy, x, slope) => (x > 0 ? dy : dy * slope)),
  prelu_slope_grad: zip(() => (dy, x) => (x > 0 ? 0 : dy * x)),
  add: zip(() => (a, b) => a + b),
  sub: zip(() => (a, b) => a - b),
  mul: zip(() => (a, b) => a * b),
  div: zip(() => (a, b) => a / b),
  div_dividend_grad: zip(() => (dy, b) => dy / b),
  div_divisor_grad: zip3((dy, y, b) => (-dy * y) / b),
  // A NaN passes, as in PyTorch; Math.max and Math.min let it.
  maximum: zip(() => Math.max),
  maximum_grad: zip3((dy, own, other) => passed(dy, own - other)),
  minimum: zip(() => Math.min),
  minimum_grad: zip3((dy, own, other) => passed(dy, other - own)),
  scale: map((context) => {
    const factor = context.f32(attr(context, 'factor'));
    return (x) => x * factor;
  }),
  scale_by: zip(() => (x, factor) => x * factor),
  shift: map((context) => {
    const offset = context.f32(attr(context, 'offset'));
    return (x) => x + offset;
  }),
  cast: map(() => (x) => x),
  dropout,
  unscale: ({ inputs: [g, scale], output, f32 }: KernelContext) => {
    const inverse = f32(1 / scale[0]);
    fill(output, (i) => g[i] * inverse);
  },
  over_norm: (context: KernelContext) => {
    const {
      inputs: [g, norm],
      output,
      f32,
    } = context;
    const divisor = f32(norm[0] + f32(attr(context, 'eps')));
    fill(output, (i) => g[i] / divisor);
  },
  clip_by_norm: (context: KernelContext) => {
    const {
      inputs: [g, norm],
      output,
      f32,
    } = context;
    const factor = f32(Math.min(1, attr(context, 'max') / (norm[0] + 1e-6)));
    fill(output, (i) => g[i] * factor);
  },
};
