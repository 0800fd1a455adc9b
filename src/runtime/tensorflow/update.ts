import { numberAttr } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES } from './device.js';
import { attr, type Kernel, type KernelContext, wide } from './kernel.js';
import { flag, type as typeAttr } from './op-attributes.js';
import { norm } from './sums.js';

const scaleLoss = wide((tf, [loss, scale], context) => tf.mul(tf.mul(loss!, scale!), attr(context, 'factor')));

const allFinite: Kernel = ({ tf, inputs }) =>
  inputs.map((g) => tf.all(tf.test('IsFinite', g))).reduce((a, b) => tf.logical('LogicalAnd', a, b), tf.scalar(1, CODES.bool));

const globalNorm = wide((tf, gradients) => norm(tf, gradients));

/** `value` as the new value of state `writes[position]`. */
function write(context: KernelContext, position: number, value: Tensor): Tensor {
  context.write(position, value);
  return value;
}

const updateScale: Kernel = (context) => {
  const { tf, inputs } = context;
  const [scale, tracker, skips, ok] = inputs as [Tensor, Tensor, Tensor, Tensor];
  const [none, good] = [tf.scalar(0, CODES.i32), tf.add(tracker, 1)];
  const shrunk = tf.binary('Maximum', tf.mul(scale, attr(context, 'backoff')), attr(context, 'floor'));
  const grown = tf.mul(scale, attr(context, 'growth'));
  const capped = tf.choose(tf.test('IsFinite', grown), tf.binary('Minimum', grown, attr(context, 'cap')), scale);
  const due = tf.compare('Equal', good, attr(context, 'interval'));
  const next = tf.choose(ok, tf.choose(due, capped, scale), shrunk);
  context.write(1, tf.choose(ok, tf.choose(due, none, good), none));
  context.write(2, tf.choose(ok, none, tf.add(skips, 1)));
  return write(context, 0, next);
};

const advance: Kernel = (context) => {
  const [t, ok] = context.inputs as [Tensor, Tensor | undefined];
  const next = context.tf.add(t, 1);
  return write(context, 0, ok === undefined ? next : context.tf.choose(ok, next, t));
};

export function readVariable(tf: Calls, variable: Tensor, dtype: number): Tensor {
  return tf.device.execute('ReadVariableOp', [typeAttr('dtype', dtype)], [variable], dtype);
}

/**
 * Runs a fused optimizer on the resource variables of `writes`. Unguarded, the operands that read them are given up first, so that
 * TensorFlow writes in place. Guarded, they are kept, so that it writes to copies, and are put back to the bit where the step is skipped.
 */
function applyInPlace(context: KernelContext, slots: readonly number[], apply: (variables: readonly Tensor[]) => void): Tensor {
  const { tf, inputs, node } = context;
  const variables = slots.map((_, position) => context.variable(position));
  if (node.attrs.guarded !== true) {
    for (const slot of slots) context.finish(slot);
    apply(variables);
  } else {
    const ok = inputs[inputs.length - 1]!;
    apply(variables);
    for (const [position, slot] of slots.entries()) {
      context.write(position, tf.choose(ok, readVariable(tf, variables[position]!, CODES.f32), inputs[slot]!));
    }
  }
  return readVariable(tf, variables[0]!, CODES.f32);
}

/** The new values of the states that a node writes, or, guarded, those that they had where the step is skipped; the first one. */
function writeGuarded(context: KernelContext, isGuarded: boolean, values: readonly Tensor[], before: readonly Tensor[]): Tensor {
  const { tf, inputs } = context;
  const ok = isGuarded ? inputs[inputs.length - 1]! : undefined;
  const taken = values.map((value, i) => (ok === undefined ? value : tf.choose(ok, value, before[i]!)));
  for (const [position, value] of taken.entries()) context.write(position, value);
  return taken[0]!;
}

const F32 = [typeAttr('T', CODES.f32), flag('use_locking', false)];

/** g + decay * w, or g. */
function decayed(tf: Calls, g: Tensor, w: Tensor, decay: number): Tensor {
  return decay === 0 ? g : tf.add(g, tf.mul(w, decay));
}

const sgd: Kernel = (context) => {
  const { tf, inputs, node } = context;
  const [w, g, lr] = inputs as [Tensor, Tensor, Tensor];
  const momentum = attr(context, 'momentum');
  const d = decayed(tf, g, w, attr(context, 'weight_decay'));
  return applyInPlace(context, momentum === 0 ? [0] : [0, 3], ([variable, buffer]) => {
    if (buffer === undefined) tf.device.executeMany('ResourceApplyGradientDescent', F32, [variable!, lr, d], []);
    else {
      const attrs = [...F32, flag('use_nesterov', node.attrs.nesterov === true)];
      tf.device.executeMany('ResourceApplyMomentum', attrs, [variable!, buffer, lr, d, tf.scalar(momentum, CODES.f32)], []);
    }
  });
};

/**
 * TensorFlow's Adam adds its epsilon to sqrt(v), PyTorch's to sqrt(v) / sqrt(1 - beta2^t): an epsilon times that root makes them the same.
 * The powers and that epsilon are the same for all parameters.
 */
function adamScalars(context: KernelContext): readonly [Tensor, Tensor, Tensor] {
  const { tf, inputs, node } = context;
  const [beta1, beta2, eps] = ['beta1', 'beta2', 'eps'].map((name) => numberAttr(node.attrs, name)) as [number, number, number];
  return context.shared(5, `adam ${beta1} ${beta2} ${eps}`, () => {
    const count = tf.cast(tf.add(inputs[5]!, 1), CODES.f32);
    const [power1, power2] = [beta1, beta2].map((beta) => tf.binary('Pow', beta, count)) as [Tensor, Tensor];
    return [power1, power2, tf.mul(tf.unary('Sqrt', tf.sub(1, power2)), eps)];
  }) as readonly [Tensor, Tensor, Tensor];
}

/** With the largest v so far, in operations one by one. */
function largestAdam(context: KernelContext, gradient: Tensor, weight: Tensor, scalars: readonly [Tensor, Tensor, Tensor]): Tensor {
  const { tf, inputs, node } = context;
  const [w, , m, v, lr, , largest] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const [beta1, beta2] = [attr(context, 'beta1'), attr(context, 'beta2')];
  const [power1, power2, epsilon] = scalars;
  const mean = tf.add(m, tf.mul(tf.sub(gradient, m), 1 - beta1));
  const square = tf.add(tf.mul(v, beta2), tf.mul(tf.mul(gradient, gradient), 1 - beta2));
  const most = tf.binary('Maximum', largest, square);
  const rate = tf.div(tf.mul(lr, tf.unary('Sqrt', tf.sub(1, power2))), tf.sub(1, power1));
  const next = tf.sub(weight, tf.div(tf.mul(mean, rate), tf.add(tf.unary('Sqrt', most), epsilon)));
  return writeGuarded(context, node.attrs.guarded === true, [next, mean, square, most], [w, m, v, largest]);
}

function adamKernel(decoupled: boolean): Kernel {
  return (context) => {
    const { tf } = context;
    const [w, g, , , lr] = context.inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const decay = attr(context, 'weight_decay');
    const gradient = decoupled ? g : decayed(tf, g, w, decay);
    const shrunk = decoupled && decay !== 0 ? tf.mul(w, tf.sub(1, tf.mul(lr, decay))) : undefined;
    const scalars = adamScalars(context);
    if (context.node.attrs.amsgrad === true) return largestAdam(context, gradient, shrunk ?? w, scalars);
    const beta = (name: string) => tf.scalar(attr(context, name), CODES.f32);
    return applyInPlace(context, [0, 2, 3], ([variable, m, v]) => {
      if (shrunk !== undefined) context.write(0, shrunk);
      const [power1, power2, epsilon] = scalars;
      const operands = [variable!, m!, v!, power1, power2, lr, beta('beta1'), beta('beta2'), epsilon, gradient];
      tf.device.executeMany('ResourceApplyAdam', [...F32, flag('use_nesterov', false)], operands, []);
    });
  };
}

/** TensorFlow has no Lion of its own. */
const lion: Kernel = (context) => {
  const { tf, inputs, node } = context;
  const [w, g, m, lr] = inputs as [Tensor, Tensor, Tensor, Tensor];
  const mixed = (beta: number) => tf.add(tf.mul(m, beta), tf.mul(g, 1 - beta));
  const decay = attr(context, 'weight_decay');
  const direction = tf.unary('Sign', mixed(attr(context, 'beta1')));
  const next = tf.sub(w, tf.mul(lr, decay === 0 ? direction : tf.add(direction, tf.mul(w, decay))));
  const mean = mixed(attr(context, 'beta2'));
  return writeGuarded(context, node.attrs.guarded === true, [next, mean], [w, m]);
};

/** TensorFlow adds its epsilon under the root, PyTorch behind it. */
const rmsprop: Kernel = (context) => {
  const { tf, inputs, node } = context;
  const [w, g, v, lr] = inputs as [Tensor, Tensor, Tensor, Tensor];
  const [alpha, momentum, isCentered] = [attr(context, 'alpha'), attr(context, 'momentum'), node.attrs.centered === true];
  const gradient = decayed(tf, g, w, attr(context, 'weight_decay'));
  const square = tf.add(tf.mul(v, alpha), tf.mul(tf.mul(gradient, gradient), 1 - alpha));
  const m = isCentered ? inputs[4]! : undefined;
  const mean = m && tf.add(m, tf.mul(tf.sub(gradient, m), 1 - alpha));
  const spread = mean === undefined ? square : tf.binary('Maximum', tf.sub(square, tf.mul(mean, mean)), 0);
  const quotient = tf.div(gradient, tf.add(tf.unary('Sqrt', spread), attr(context, 'eps')));
  const buf = momentum === 0 ? undefined : inputs[isCentered ? 5 : 4]!;
  const kept = buf && tf.add(tf.mul(buf, momentum), quotient);
  const next = tf.sub(w, tf.mul(lr, kept ?? quotient));
  const present = (states: readonly (Tensor | undefined)[]) => states.filter((state) => state !== undefined);
  return writeGuarded(context, node.attrs.guarded === true, present([next, square, mean, kept]), present([w, v, m, buf]));
};

const muon: Kernel = (context) => {
  const { tf, inputs, node } = context;
  const [w, g, lr, o] = inputs as [Tensor, Tensor, Tensor, Tensor];
  const [momentum, length, decay] = [attr(context, 'momentum'), attr(context, 'length'), attr(context, 'weight_decay')];
  const buf = momentum === 0 ? undefined : inputs[4]!;
  const begun = length === 0 ? w : tf.mul(w, tf.div(length, tf.binary('Maximum', inputs[buf === undefined ? 4 : 5]!, 1e-12)));
  const shrunk = decay === 0 ? begun : tf.mul(begun, tf.sub(1, tf.mul(lr, decay)));
  const next = tf.sub(shrunk, tf.mul(o, tf.mul(lr, attr(context, 'factor'))));
  const guarded = node.attrs.guarded === true;
  return buf === undefined
    ? writeGuarded(context, guarded, [next], [w])
    : writeGuarded(context, guarded, [next, tf.add(tf.mul(buf, momentum), g)], [w, buf]);
};

/** Whether an average is due, and is not skipped, as a bool tensor. */
function isDue({ tf, inputs }: KernelContext, share: number, ok: number): Tensor {
  const due = tf.compare('Greater', inputs[share]!, 0);
  return inputs.length > ok ? tf.logical('LogicalAnd', due, inputs[ok]!) : due;
}

/** a + s (b - a), from the nearer end: as torch.lerp. */
function lerp(tf: Calls, a: Tensor, b: Tensor, s: Tensor): Tensor {
  const way = tf.sub(b, a);
  return tf.choose(tf.compare('Less', s, 0.5), tf.add(a, tf.mul(way, s)), tf.sub(b, tf.mul(way, tf.sub(1, s))));
}

const average: Kernel = (context) => {
  const { tf, node } = context;
  const [avg, , n, share] = context.inputs as [Tensor, Tensor, Tensor, Tensor];
  const w = context.widened(1);
  const later = node.attrs.mean === true ? tf.div(1, tf.cast(tf.add(n, 1), CODES.f32)) : share;
  const taken = tf.choose(tf.compare('Equal', n, 0), tf.scalar(1, CODES.f32), later);
  return write(context, 0, tf.choose(isDue(context, 3, 4), lerp(tf, avg, w, taken), avg));
};

const lookahead: Kernel = (context) => {
  const { tf } = context;
  const [slow, w, share] = context.inputs as [Tensor, Tensor, Tensor];
  const due = isDue(context, 2, 3);
  const next = lerp(tf, slow, w, share);
  context.write(1, tf.choose(due, next, w));
  return write(context, 0, tf.choose(due, next, slow));
};

const countAverage: Kernel = (context) => {
  const { tf } = context;
  const n = context.inputs[0]!;
  return write(context, 0, tf.choose(isDue(context, 1, 2), tf.add(n, 1), n));
};

export const updateKernels = {
  scale_loss: scaleLoss,
  scale_loss_grad: scaleLoss,
  all_finite: allFinite,
  global_norm: globalNorm,
  update_scale: updateScale,
  accumulate: ((context) => write(context, 0, context.tf.add(context.inputs[0]!, context.inputs[1]!))) as Kernel,
  reset: ((context) => write(context, 0, context.tf.zeros(context.type.shape, CODES.f32))) as Kernel,
  advance,
  sgd,
  adam: adamKernel(false),
  adamw: adamKernel(true),
  lion,
  rmsprop,
  muon,
  update_average: average,
  look_ahead: lookahead,
  count_average: countAverage,
};
