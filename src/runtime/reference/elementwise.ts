import { erf } from '../../numeric/erf.js';
import { uniformAt } from '../../random/threefry.js';
import { attr, fill, type KernelContext, type ReferenceKernel } from './kernel.js';

type Unary = (x: number) => number;
type Binary = (a: number, b: number) => number;

function map(make: (context: KernelContext) => Unary): ReferenceKernel {
  return (context) => {
    const [x] = context.inputs;
    const f = make(context);
    fill(context.output, (i) => f(x[i]));
  };
}

function zip(make: (context: KernelContext) => Binary): ReferenceKernel {
  return (context) => {
    const [a, b] = context.inputs;
    const f = make(context);
    fill(context.output, (i) => f(a[i], b[i]));
  };
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** Distribution function of the standard normal. */
function normal(x: number): number {
  return 0.5 * (1 + erf(x * Math.SQRT1_2));
}

function normalDensity(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/** A NaN passes, as in PyTorch; Math.max and Math.min let it. */
const relu: Unary = (x) => Math.max(x, 0);
const relu6: Unary = (x) => Math.min(Math.max(x, 0), 6);

const silu: Unary = (x) => x * logistic(x);

const siluGrad: Binary = (dy, x) => {
  const s = logistic(x);
  return dy * s * (1 + x * (1 - s));
};

const dropout: ReferenceKernel = (context) => {
  const [x, step] = context.inputs;
  const seed = attr(context, 'seed');
  const salt = attr(context, 'salt');
  const threshold = Math.fround(attr(context, 'rate'));
  const factor = context.f32(1 / (1 - attr(context, 'rate')));
  fill(context.output, (i) => (uniformAt(seed, salt, i, step[0]) >= threshold ? x[i] * factor : 0));
};

export const elementwiseKernels = {
  relu: map(() => relu),
  relu_grad: zip(() => (dy, y) => (y > 0 ? dy : 0)),
  relu6: map(() => relu6),
  relu6_grad: zip(() => (dy, y) => (y > 0 && y < 6 ? dy : 0)),
  gelu: map(() => (x) => x * normal(x)),
  gelu_grad: zip(() => (dy, x) => dy * (normal(x) + x * normalDensity(x))),
  silu: map(() => silu),
  silu_grad: zip(() => siluGrad),
  sigmoid: map(() => logistic),
  sigmoid_grad: zip(() => (dy, y) => dy * y * (1 - y)),
  tanh: map(() => Math.tanh),
  tanh_grad: zip(() => (dy, y) => dy * (1 - y * y)),
  leaky_relu: map((context) => {
    const slope = context.f32(attr(context, 'slope'));
    return (x) => (x > 0 ? x : x * slope);
  }),
  leaky_relu_grad: zip((context) => {
    const slope = context.f32(attr(context, 'slope'));
    return (dy, x) => (x > 0 ? dy : dy * slope);
  }),
  add: zip(() => (a, b) => a + b),
  sub: zip(() => (a, b) => a - b),
  mul: zip(() => (a, b) => a * b),
  scale: map((context) => {
    const factor = context.f32(attr(context, 'factor'));
    return (x) => x * factor;
  }),
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
