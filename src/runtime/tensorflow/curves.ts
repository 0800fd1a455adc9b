import type { Node } from '../../ir/types.js';
import type { UnaryOp } from '../../ops/index.js';
import { pairs } from '../../ops/unary-op.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { asNumber, attr, exact, type Kernel, type KernelContext, keepWhere, wide } from './kernel.js';

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

const isApproximate = ({ attrs }: Node) => attrs.approximate === 'tanh';
/** (1 + tanh(u)) / 2 is sigmoid(2 u), which does not cancel far below 0. */
const geluPart = (tf: Calls, x: Tensor) =>
  tf.unary('Sigmoid', tf.mul(tf.add(tf.mul(tf.mul(tf.unary('Square', x), x), 0.044715), x), Math.sqrt(8 / Math.PI)));

function geluByTanhSlope(tf: Calls, x: Tensor): Tensor {
  const part = geluPart(tf, x);
  const slope = tf.mul(tf.add(tf.mul(tf.unary('Square', x), 3 * 0.044715), 1), Math.sqrt(8 / Math.PI));
  return tf.add(part, tf.mul(tf.mul(tf.mul(part, tf.sub(1, part)), x), slope));
}

const hardSigmoid = (tf: Calls, x: Tensor) => tf.div(tf.unary('Relu6', tf.add(x, 3)), 6);
const isInside = (tf: Calls, x: Tensor) => tf.logical('LogicalAnd', tf.compare('Greater', x, -3), tf.compare('Less', x, 3));
const softplus = (tf: Calls, x: Tensor) =>
  tf.add(tf.unary('Relu', x), tf.unary('Log1p', tf.unary('Exp', tf.unary('Neg', tf.unary('Abs', x)))));
const eluOf = (context: KernelContext) => [attr(context, 'alpha'), attr(context, 'scale'), attr(context, 'input_scale')] as const;

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
    wide((tf, [x], { node }) => tf.mul(x!, isApproximate(node) ? geluPart(tf, x!) : normal(tf, x!))),
    wide((tf, [dy, x], { node }) =>
      tf.mul(dy!, isApproximate(node) ? geluByTanhSlope(tf, x!) : tf.add(normal(tf, x!), tf.mul(x!, normalDensity(tf, x!)))),
    ),
  ],
  silu: [wide((tf, [x]) => tf.mul(x!, tf.unary('Sigmoid', x!))), siluGrad],
  sigmoid: [wide((tf, [x]) => tf.unary('Sigmoid', x!)), wide((tf, [dy, y]) => tf.binary('SigmoidGrad', y!, dy!))],
  tanh: [wide((tf, [x]) => tf.unary('Tanh', x!)), wide((tf, [dy, y]) => tf.binary('TanhGrad', y!, dy!))],
  leaky_relu: [wide((tf, [x], context) => slope(tf, x!, x!, context)), wide((tf, [dy, x], context) => slope(tf, x!, dy!, context))],
  hardswish: [
    wide((tf, [x]) => tf.mul(x!, hardSigmoid(tf, x!))),
    wide((tf, [dy, x]) => tf.mul(dy!, tf.select(isInside(tf, x!), tf.add(tf.div(x!, 3), 0.5), asNumber(tf, tf.compare('Greater', x!, 0))))),
  ],
  hardsigmoid: [wide((tf, [x]) => hardSigmoid(tf, x!)), wide((tf, [dy, x]) => keepWhere(tf, isInside(tf, x!), tf.div(dy!, 6)))],
  elu: [
    wide((tf, [x], context) => {
      const [alpha, scale, inputScale] = eluOf(context);
      const below = tf.mul(tf.unary('Expm1', tf.mul(x!, inputScale)), alpha * scale);
      return tf.choose(tf.compare('Greater', x!, 0), tf.mul(x!, scale), below);
    }),
    wide((tf, [dy, x], context) => {
      const [alpha, scale, inputScale] = eluOf(context);
      const below = tf.mul(tf.unary('Exp', tf.mul(x!, inputScale)), alpha * scale * inputScale);
      return tf.mul(dy!, tf.select(tf.compare('Greater', x!, 0), scale, below));
    }),
  ],
  mish: [
    wide((tf, [x]) => tf.mul(x!, tf.unary('Tanh', softplus(tf, x!)))),
    wide((tf, [dy, x]) => {
      const t = tf.unary('Tanh', softplus(tf, x!));
      const slope = tf.mul(tf.unary('Sigmoid', x!), tf.sub(1, tf.unary('Square', t)));
      return tf.mul(dy!, tf.add(t, tf.mul(x!, slope)));
    }),
  ],
  softplus: [
    wide((tf, [x], context) => {
      const [beta, z] = [attr(context, 'beta'), tf.mul(x!, attr(context, 'beta'))];
      return tf.choose(tf.compare('Greater', z, attr(context, 'threshold')), x!, tf.div(softplus(tf, z), beta));
    }),
    wide((tf, [dy, x], context) => {
      const z = tf.mul(x!, attr(context, 'beta'));
      return tf.choose(tf.compare('Greater', z, attr(context, 'threshold')), dy!, tf.mul(dy!, tf.unary('Sigmoid', z)));
    }),
  ],
  softsign: [
    wide((tf, [x]) => tf.div(x!, tf.add(tf.unary('Abs', x!), 1))),
    wide((tf, [dy, x]) => tf.div(dy!, tf.unary('Square', tf.add(tf.unary('Abs', x!), 1)))),
  ],

  exp: [wide((tf, [x]) => tf.unary('Exp', x!)), wide((tf, [dy, y]) => tf.mul(dy!, y!))],
  log: [wide((tf, [x]) => tf.unary('Log', x!)), wide((tf, [dy, x]) => tf.div(dy!, x!))],
  sqrt: [wide((tf, [x]) => tf.unary('Sqrt', x!)), wide((tf, [dy, y]) => tf.div(dy!, tf.mul(y!, 2)))],
  abs: [exact((tf, [x]) => tf.unary('Abs', x!)), wide((tf, [dy, x]) => tf.mul(dy!, tf.unary('Sign', x!)))],
  pow: [wide((tf, [x], context) => tf.binary('Pow', x!, attr(context, 'exponent'))), powGrad],
  clamp: [
    wide((tf, [x], { node: { attrs } }) => {
      const raised = attrs.low === undefined ? x! : tf.binary('Maximum', x!, Number(attrs.low));
      return attrs.high === undefined ? raised : tf.binary('Minimum', raised, Number(attrs.high));
    }),
    wide((tf, [dy, x], { node: { attrs } }) => {
      const raised = attrs.low === undefined ? dy! : keepWhere(tf, tf.not(tf.compare('Less', x!, Number(attrs.low))), dy!);
      return attrs.high === undefined ? raised : keepWhere(tf, tf.not(tf.compare('Greater', x!, Number(attrs.high))), raised);
    }),
  ],
});
