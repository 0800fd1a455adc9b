import type { Node } from '../../ir/types.js';
import { erf } from '../../numeric/erf.js';
import type { UnaryOp } from '../../ops/index.js';
import { pairs } from '../../ops/unary-op.js';
import { attr, type KernelContext, map, type ReferenceKernel, zip } from './kernel.js';

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

function siluGrad(dy: number, x: number): number {
  const s = logistic(x);
  return dy * s * (1 + x * (1 - s));
}

const isApproximate = ({ attrs }: Node) => attrs.approximate === 'tanh';
const inner = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
const geluByTanh = (x: number) => 0.5 * x * (1 + Math.tanh(inner(x)));

function geluByTanhSlope(x: number): number {
  const t = Math.tanh(inner(x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
}

const hardSigmoid = (x: number) => Math.min(Math.max(x + 3, 0), 6) / 6;
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const eluOf = (context: KernelContext) => [single(context, 'alpha'), single(context, 'scale'), single(context, 'input_scale')] as const;

/** An attribute as every backend takes it. */
const single = (context: KernelContext, name: string) => context.f32(attr(context, name));

const boundsOf = (context: KernelContext) =>
  [
    context.node.attrs.low === undefined ? -Infinity : single(context, 'low'),
    context.node.attrs.high === undefined ? Infinity : single(context, 'high'),
  ] as const;

/** Ops of one operand x with the result y: the result, and the gradient from dy and the one of both that the op's gradient reads. */
export const curveKernels = pairs<UnaryOp, ReferenceKernel>({
  // A NaN passes, as in PyTorch; Math.max and Math.min let it.
  relu: [map(() => (x) => Math.max(x, 0)), zip(() => (dy, y) => (y > 0 ? dy : 0))],
  relu6: [map(() => (x) => Math.min(Math.max(x, 0), 6)), zip(() => (dy, y) => (y > 0 && y < 6 ? dy : 0))],
  gelu: [
    map(({ node }) => (isApproximate(node) ? geluByTanh : (x) => x * normal(x))),
    zip(
      ({ node }) =>
        (dy, x) =>
          dy * (isApproximate(node) ? geluByTanhSlope(x) : normal(x) + x * normalDensity(x)),
    ),
  ],
  silu: [map(() => (x) => x * logistic(x)), zip(() => siluGrad)],
  sigmoid: [map(() => logistic), zip(() => (dy, y) => dy * y * (1 - y))],
  tanh: [map(() => Math.tanh), zip(() => (dy, y) => dy * (1 - y * y))],
  leaky_relu: [
    map((context) => {
      const slope = single(context, 'slope');
      return (x) => (x > 0 ? x : x * slope);
    }),
    zip((context) => {
      const slope = single(context, 'slope');
      return (dy, x) => (x > 0 ? dy : dy * slope);
    }),
  ],
  hardswish: [map(() => (x) => x * hardSigmoid(x)), zip(() => (dy, x) => dy * (x <= -3 ? 0 : x < 3 ? x / 3 + 0.5 : 1))],
  hardsigmoid: [map(() => hardSigmoid), zip(() => (dy, x) => (x > -3 && x < 3 ? dy / 6 : 0))],
  elu: [
    map((context) => {
      const [alpha, scale, inputScale] = eluOf(context);
      return (x) => scale * (x > 0 ? x : alpha * Math.expm1(x * inputScale));
    }),
    zip((context) => {
      const [alpha, scale, inputScale] = eluOf(context);
      return (dy, x) => dy * scale * (x > 0 ? 1 : alpha * inputScale * Math.exp(x * inputScale));
    }),
  ],
  mish: [
    map(() => (x) => x * Math.tanh(softplus(x))),
    zip(() => (dy, x) => {
      const t = Math.tanh(softplus(x));
      return dy * (t + x * logistic(x) * (1 - t * t));
    }),
  ],
  softplus: [
    map((context) => {
      const [beta, threshold] = [single(context, 'beta'), single(context, 'threshold')];
      return (x) => (x * beta > threshold ? x : softplus(x * beta) / beta);
    }),
    zip((context) => {
      const [beta, threshold] = [single(context, 'beta'), single(context, 'threshold')];
      return (dy, x) => (x * beta > threshold ? dy : dy * logistic(x * beta));
    }),
  ],
  softsign: [map(() => (x) => x / (1 + Math.abs(x))), zip(() => (dy, x) => dy / (1 + Math.abs(x)) ** 2)],

  exp: [map(() => Math.exp), zip(() => (dy, y) => dy * y)],
  log: [map(() => Math.log), zip(() => (dy, x) => dy / x)],
  sqrt: [map(() => Math.sqrt), zip(() => (dy, y) => dy / (2 * y))],
  abs: [map(() => Math.abs), zip(() => (dy, x) => dy * Math.sign(x))],
  pow: [
    map((context) => {
      const exponent = single(context, 'exponent');
      return (x) => x ** exponent;
    }),
    zip((context) => {
      const exponent = single(context, 'exponent');
      return (dy, x) => (exponent === 0 ? 0 : dy * exponent * x ** (exponent - 1));
    }),
  ],
  clamp: [
    map((context) => {
      const [low, high] = boundsOf(context);
      return (x) => Math.min(Math.max(x, low), high);
    }),
    zip((context) => {
      const [low, high] = boundsOf(context);
      return (dy, x) => (x >= low && x <= high ? dy : 0);
    }),
  ],
});
