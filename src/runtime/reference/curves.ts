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

/** An attribute as every backend takes it. */
const single = (context: KernelContext, name: string) => context.f32(attr(context, name));

/** Ops of one operand x with the result y: the result, and the gradient from dy and the one of both that the op's gradient reads. */
export const curveKernels = pairs<UnaryOp, ReferenceKernel>({
  // A NaN passes, as in PyTorch; Math.max and Math.min let it.
  relu: [map(() => (x) => Math.max(x, 0)), zip(() => (dy, y) => (y > 0 ? dy : 0))],
  relu6: [map(() => (x) => Math.min(Math.max(x, 0), 6)), zip(() => (dy, y) => (y > 0 && y < 6 ? dy : 0))],
  gelu: [map(() => (x) => x * normal(x)), zip(() => (dy, x) => dy * (normal(x) + x * normalDensity(x)))],
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
});
