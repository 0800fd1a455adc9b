import type { UnaryOp } from '../../ops/index.js';
import { pairs } from '../../ops/unary-op.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { attr, exact, type Kernel, type KernelContext, keepWhere, wide } from './kernel.js';

/** Distribution function of the standard normal; of the complement, since far below 0 a sum of -1 and 1 would cancel. */
function normal(tf: Calls, x: Tensor): Tensor {
  return tf.mul(tf.unary('Erfc', tf.mul(x, -Math.SQRT1_2)), 0.5);
}

function normalDensity(tf: Calls, x: Tensor): Tensor {
  return tf.mul(tf.unary('Exp', tf.mul(tf.unary('Square', x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
}

const siluGrad = wide((tf, [dy, x]) => {
  const s = tf.unary('Sigmoid', x!);
  return tf.mul(tf.mul(dy!, s), tf.add(tf.mul(x!, tf.sub(1, s)), 1));
});

/** A gradient that passes dy where `inside` holds. Multiplying by a mask would make a NaN of a masked infinity. */
function gated(inside: (tf: Calls, y: Tensor) => Tensor): Kernel {
  return (context) => {
    const {
      tf,
      inputs: [dy, y],
    } = context;
    return keepWhere(tf, inside(tf, y!), dy!);
  };
}

function slope(tf: Calls, x: Tensor, value: Tensor, context: KernelContext): Tensor {
  return tf.choose(tf.compare('Greater', x, 0), value, tf.mul(value, attr(context, 'slope')));
}

const powGrad = wide((tf, [dy, x], context) => {
  const exponent = Math.fround(attr(context, 'exponent'));
  if (exponent === 0) return tf.zerosLike(dy!);
  return tf.mul(tf.mul(dy!, exponent), tf.binary('Pow', x!, exponent - 1));
});

/** Ops of one operand x with the result y: the result, and the gradient from dy and the one of both that the op's gradient reads. */
export const curveKernels = pairs<UnaryOp, Kernel>({
  relu: [exact((tf, [x]) => tf.unary('Relu', x!)), gated((tf, y) => tf.compare('Greater', y, 0))],
  relu6: [
    exact((tf, [x]) => tf.unary('Relu6', x!)),
    gated((tf, y) => tf.logical('LogicalAnd', tf.compare('Greater', y, 0), tf.compare('Less', y, 6))),
  ],
  gelu: [
    wide((tf, [x]) => tf.mul(x!, normal(tf, x!))),
    wide((tf, [dy, x]) => tf.mul(dy!, tf.add(normal(tf, x!), tf.mul(x!, normalDensity(tf, x!))))),
  ],
  silu: [wide((tf, [x]) => tf.mul(x!, tf.unary('Sigmoid', x!))), siluGrad],
  sigmoid: [wide((tf, [x]) => tf.unary('Sigmoid', x!)), wide((tf, [dy, y]) => tf.binary('SigmoidGrad', y!, dy!))],
  tanh: [wide((tf, [x]) => tf.unary('Tanh', x!)), wide((tf, [dy, y]) => tf.binary('TanhGrad', y!, dy!))],
  leaky_relu: [wide((tf, [x], context) => slope(tf, x!, x!, context)), wide((tf, [dy, x], context) => slope(tf, x!, dy!, context))],

  exp: [wide((tf, [x]) => tf.unary('Exp', x!)), wide((tf, [dy, y]) => tf.mul(dy!, y!))],
  log: [wide((tf, [x]) => tf.unary('Log', x!)), wide((tf, [dy, x]) => tf.div(dy!, x!))],
  sqrt: [wide((tf, [x]) => tf.unary('Sqrt', x!)), wide((tf, [dy, y]) => tf.div(dy!, tf.mul(y!, 2)))],
  abs: [exact((tf, [x]) => tf.unary('Abs', x!)), wide((tf, [dy, x]) => tf.mul(dy!, tf.unary('Sign', x!)))],
  pow: [wide((tf, [x], context) => tf.binary('Pow', x!, attr(context, 'exponent'))), powGrad],
});
