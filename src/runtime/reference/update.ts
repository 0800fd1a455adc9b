import { LARGEST_F32 } from '../../numeric/single.js';
import { attr, type Elements, fill, type KernelContext, type ReferenceKernel } from './kernel.js';

const scaleLoss: ReferenceKernel = (context) => {
  const {
    inputs: [loss, scale],
    output,
    f32,
  } = context;
  output[0] = f32(loss[0] * scale[0]) * f32(attr(context, 'factor'));
};

const allFinite: ReferenceKernel = ({ inputs, output }) => {
  output[0] = inputs.every((g) => (g as Float32Array).every(Number.isFinite)) ? 1 : 0;
};

const globalNorm: ReferenceKernel = ({ inputs, output }) => {
  let sum = 0;
  for (const g of inputs) for (let i = 0; i < g.length; i += 1) sum += g[i] * g[i];
  // The norm of finite gradients is finite: a sum of squares of f32 numbers cannot overflow, its root can only leave f32.
  output[0] = Number.isFinite(sum) ? Math.min(Math.sqrt(sum), LARGEST_F32) : Math.sqrt(sum);
};

const updateScale: ReferenceKernel = (context) => {
  const [[scale], [tracker], [skips], [ok]] = context.inputs;
  let next = scale;
  let good = 0;
  if (ok === 0) {
    next = Math.max(attr(context, 'floor'), context.f32(scale * attr(context, 'backoff')));
  } else if (tracker + 1 === attr(context, 'interval')) {
    const grown = context.f32(scale * attr(context, 'growth'));
    if (Number.isFinite(grown)) next = Math.min(attr(context, 'cap'), grown);
  } else {
    good = tracker + 1;
  }
  context.output[0] = next;
  context.write(0, context.output);
  context.write(1, Int32Array.of(good));
  context.write(2, Int32Array.of(ok === 0 ? skips + 1 : 0));
};

const accumulate: ReferenceKernel = (context) => {
  const [acc, g] = context.inputs;
  fill(context.output, (i) => acc[i] + g[i]);
  context.write(0, context.output);
};

const reset: ReferenceKernel = (context) => context.write(0, context.output);

const advance: ReferenceKernel = (context) => {
  const [t, ok] = context.inputs;
  context.output[0] = ok === undefined || ok[0] !== 0 ? t[0] + 1 : t[0];
  context.write(0, context.output);
};

/** Whether an optimizer's update takes place. */
function accepted({ node, inputs }: KernelContext): boolean {
  return node.attrs.guarded !== true || inputs[inputs.length - 1][0] !== 0;
}

/** Writes the operands back as they are, into their states and the result. */
function keep(context: KernelContext, operands: readonly Elements[]): void {
  context.output.set(operands[0]);
  for (const [position, elements] of operands.entries()) context.write(position, elements);
}

function like(output: Elements): Float32Array | Float64Array {
  return output instanceof Float64Array ? new Float64Array(output.length) : new Float32Array(output.length);
}

const sgd: ReferenceKernel = (context) => {
  const [w, g, lr, maybeBuf] = context.inputs;
  const { output, node } = context;
  const momentum = attr(context, 'momentum');
  const decay = attr(context, 'weight_decay');
  const hasMomentum = momentum !== 0;
  if (!accepted(context)) {
    keep(context, hasMomentum ? [w, maybeBuf] : [w]);
    return;
  }
  const buf = like(output);
  for (let i = 0; i < w.length; i += 1) {
    const d = g[i] + decay * w[i];
    if (hasMomentum) buf[i] = momentum * maybeBuf[i] + d;
    const direction = !hasMomentum ? d : node.attrs.nesterov === true ? d + momentum * buf[i] : buf[i];
    output[i] = w[i] - lr[0] * direction;
  }
  context.write(0, output);
  if (hasMomentum) context.write(1, buf);
};

function adamKernel(decoupled: boolean): ReferenceKernel {
  return (context) => {
    const [w, g, m, v, [lr], [t], maybeLargest] = context.inputs;
    const { output, node } = context;
    const hasLargest = node.attrs.amsgrad === true;
    if (!accepted(context)) {
      keep(context, hasLargest ? [w, m, v, maybeLargest] : [w, m, v]);
      return;
    }
    const beta1 = attr(context, 'beta1');
    const beta2 = attr(context, 'beta2');
    const eps = attr(context, 'eps');
    const decay = attr(context, 'weight_decay');
    const rate = lr / (1 - beta1 ** (t + 1));
    const root = Math.sqrt(1 - beta2 ** (t + 1));
    const mean = like(output);
    const square = like(output);
    const largest = like(output);
    for (let i = 0; i < w.length; i += 1) {
      const gradient = decoupled ? g[i] : g[i] + decay * w[i];
      const weight = decoupled ? w[i] * (1 - lr * decay) : w[i];
      mean[i] = m[i] + (1 - beta1) * (gradient - m[i]);
      square[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
      largest[i] = hasLargest ? Math.max(maybeLargest[i], square[i]) : square[i];
      output[i] = weight - (rate * mean[i]) / (Math.sqrt(largest[i]) / root + eps);
    }
    context.write(0, output);
    context.write(1, mean);
    context.write(2, square);
    if (hasLargest) context.write(3, largest);
  };
}

const rmsprop: ReferenceKernel = (context) => {
  const [w, g, v, [lr]] = context.inputs;
  const { output, node } = context;
  const [alpha, eps, momentum, decay] = ['alpha', 'eps', 'momentum', 'weight_decay'].map((name) => attr(context, name));
  const isCentered = node.attrs.centered === true;
  const m = isCentered ? context.inputs[4] : undefined;
  const buf = momentum === 0 ? undefined : context.inputs[isCentered ? 5 : 4];
  if (!accepted(context)) {
    keep(
      context,
      [w, v, m, buf].filter((slot) => slot !== undefined),
    );
    return;
  }
  const [square, mean, kept] = [like(output), like(output), like(output)];
  for (let i = 0; i < w.length; i += 1) {
    const gradient = g[i] + decay * w[i];
    square[i] = alpha * v[i] + (1 - alpha) * gradient * gradient;
    if (m !== undefined) mean[i] = m[i] + (1 - alpha) * (gradient - m[i]);
    const spread = m === undefined ? square[i] : Math.max(square[i] - mean[i] * mean[i], 0);
    const quotient = gradient / (Math.sqrt(spread) + eps);
    kept[i] = buf === undefined ? quotient : momentum * buf[i] + quotient;
    output[i] = w[i] - lr * kept[i];
  }
  const states = [output, square, ...(m === undefined ? [] : [mean]), ...(buf === undefined ? [] : [kept])];
  for (const [position, elements] of states.entries()) context.write(position, elements);
};

const lion: ReferenceKernel = (context) => {
  const [w, g, m, [lr]] = context.inputs;
  const { output } = context;
  if (!accepted(context)) {
    keep(context, [w, m]);
    return;
  }
  const [beta1, beta2, decay] = ['beta1', 'beta2', 'weight_decay'].map((name) => attr(context, name));
  const mean = like(output);
  for (let i = 0; i < w.length; i += 1) {
    const direction = Math.sign(beta1 * m[i] + (1 - beta1) * g[i]);
    output[i] = w[i] - lr * (direction + decay * w[i]);
    mean[i] = beta2 * m[i] + (1 - beta2) * g[i];
  }
  context.write(0, output);
  context.write(1, mean);
};

const muon: ReferenceKernel = (context) => {
  const [w, g, [lr], o] = context.inputs;
  const { output, f32 } = context;
  const [momentum, factor, length, decay] = ['momentum', 'factor', 'length', 'weight_decay'].map((name) => attr(context, name));
  const buf = momentum === 0 ? undefined : context.inputs[4];
  if (!accepted(context)) {
    keep(context, buf === undefined ? [w] : [w, buf]);
    return;
  }
  const stretch = length === 0 ? 1 : length / Math.max(context.inputs[buf === undefined ? 4 : 5][0], f32(1e-12));
  for (let i = 0; i < w.length; i += 1) output[i] = w[i] * stretch * (1 - lr * decay) - lr * factor * o[i];
  context.write(0, output);
  if (buf === undefined) return;
  const kept = like(output);
  for (let i = 0; i < w.length; i += 1) kept[i] = momentum * buf[i] + g[i];
  context.write(1, kept);
};

/** The share of the weight in an average; 0: it is not due, or the step is skipped. */
function shareOf({ inputs }: KernelContext, share: number, ok: number): number {
  return inputs.length > ok && inputs[ok][0] === 0 ? 0 : inputs[share][0];
}

const average: ReferenceKernel = (context) => {
  const [avg, w, [n]] = context.inputs;
  const due = shareOf(context, 3, 4);
  const share = n === 0 ? 1 : context.node.attrs.mean === true ? 1 / (n + 1) : due;
  fill(context.output, (i) => (due > 0 ? avg[i] + share * (w[i] - avg[i]) : avg[i]));
  context.write(0, context.output);
};

const lookahead: ReferenceKernel = (context) => {
  const [slow, w] = context.inputs;
  const share = shareOf(context, 2, 3);
  fill(context.output, (i) => (share > 0 ? slow[i] + share * (w[i] - slow[i]) : slow[i]));
  context.write(0, context.output);
  context.write(1, share > 0 ? context.output : w);
};

const countAverage: ReferenceKernel = (context) => {
  const [[n]] = context.inputs;
  context.output[0] = shareOf(context, 1, 2) > 0 ? n + 1 : n;
  context.write(0, context.output);
};

export const updateKernels = {
  scale_loss: scaleLoss,
  scale_loss_grad: scaleLoss,
  all_finite: allFinite,
  global_norm: globalNorm,
  update_scale: updateScale,
  accumulate,
  reset,
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
