import { isFloat, type TensorType } from '../ir/types.js';
import { elements, isScalar, sameShapes } from './constraints.js';
import { constrain, type OpDefinition } from './op.js';
import { f32, sampleShape, tensor } from './sample.js';

/** What updates have in common: the attribute of what they write, and in samples the rates, and the operand that guards them. */
export const WRITES = { writes: { kind: 'strings', doc: 'the states that change, in the order of their operands' } } as const;
export const RATES = { low: 0.001, high: 0.1 };
export const OK = tensor('bool');

/** accumulator + gradient. */
export const accumulate: OpDefinition<'update'> = {
  doc: 'Adds a gradient to the sum over the micro-batches of one optimizer step.',
  kind: 'update',
  constraints: { accumulate_c1: 'acc and g have the same shape' },
  operands: [
    { name: 'acc', format: 'f32' },
    { name: 'g', format: 'f32' },
  ],
  attrs: WRITES,
  precision: 'fixed',
  result: 'f32',
  shape: ([acc, g]) => {
    sameShapes('accumulate_c1', acc, g);
    return acc.shape;
  },
  gradient: 'none',
  effect: true,
  sample: (random) => {
    const type = f32(...sampleShape(random));
    return { types: [type, type], attrs: { writes: ['acc'] } };
  },
};

export const reset: OpDefinition<'update'> = {
  doc: 'Sets a state to zero.',
  kind: 'update',
  runsLast: true,
  constraints: {},
  operands: [{ name: 'acc', format: 'f32' }],
  attrs: WRITES,
  precision: 'fixed',
  result: 'f32',
  shape: ([acc]) => acc.shape,
  gradient: 'none',
  effect: true,
  flops: () => 0,
  sample: (random) => ({ types: [f32(...sampleShape(random))], attrs: { writes: ['acc'] } }),
};

/** t + 1, or t where ok is false. */
export const advance: OpDefinition<'counter'> = {
  doc: 'Counts the updates of the optimizer; a skipped step does not count.',
  kind: 'counter',
  runsLast: true,
  constraints: { advance_c1: 't is a single number' },
  operands: [
    { name: 't', format: 'i32' },
    { name: 'ok', format: 'bool', optional: true },
  ],
  attrs: WRITES,
  precision: 'fixed',
  result: 'i32',
  shape: ([t]) => {
    isScalar('advance_c1', 't', t);
    return [];
  },
  gradient: 'none',
  effect: true,
  sample: (random) => ({
    types: random.pick([true, false]) ? [tensor('i32'), OK] : [tensor('i32')],
    attrs: { writes: ['t'] },
    domains: [{ low: 0, high: 1000 }],
  }),
};

/**
 * d = g + weight_decay * w; buf = momentum * buf + d; w - lr * (nesterov ? d + momentum * buf : buf), or w - lr * d without momentum
 * (PyTorch's SGD with dampening 0).
 */
export const sgd: OpDefinition<'update'> = {
  doc: 'Stochastic gradient descent with optional momentum; gives the new weight and leaves everything alone where ok is false.',
  kind: 'update',
  constraints: {
    sgd_c1: 'w, g and buf have the same shape',
    sgd_c2: 'lr is a single number',
    sgd_c3: 'buf is there exactly when momentum is not 0',
  },
  operands: [
    { name: 'w', format: 'exact' },
    { name: 'g', format: 'f32' },
    { name: 'lr', format: 'f32' },
    { name: 'buf', format: 'exact', optional: true },
    { name: 'ok', format: 'bool', optional: true },
  ],
  attrs: {
    momentum: { kind: 'number', doc: 'share of the old direction that is kept' },
    nesterov: { kind: 'boolean', doc: 'look ahead along the momentum' },
    weight_decay: { kind: 'number', doc: 'times w, added to the gradient' },
    guarded: { kind: 'boolean', doc: 'the last operand is ok' },
    ...WRITES,
  },
  precision: 'fixed',
  result: 'first',
  shape: ([w, g, lr, ...rest], attrs) => {
    sameShapes('sgd_c1', w, g);
    isScalar('sgd_c2', 'the learning rate', lr);
    const buf = rest.filter((type) => isFloat(type.dtype));
    constrain((attrs.momentum !== 0) === (buf.length === 1), 'sgd_c3', 'momentum needs its buffer, and only momentum');
    sameShapes('sgd_c1', w, ...buf);
    return w.shape;
  },
  gradient: 'none',
  effect: true,
  flops: ([w]) => 6 * elements(w),
  sample: (random) => {
    const type = f32(...sampleShape(random));
    const momentum = random.pick([0, 0.9]);
    const guarded = random.pick([true, false]);
    const types: TensorType[] = [type, type, f32()];
    if (momentum !== 0) types.push(type);
    if (guarded) types.push(OK);
    const writes = momentum === 0 ? ['w'] : ['w', 'buf'];
    const nesterov = momentum !== 0 && random.pick([true, false]);
    return {
      types,
      attrs: { momentum, nesterov, weight_decay: random.pick([0, 0.01]), guarded, writes },
      domains: [undefined, undefined, RATES],
    };
  },
};

/**
 * c = beta1 * m + (1 - beta1) * g; w - lr * (sign(c) + weight_decay * w); m = beta2 * m + (1 - beta2) * g, with sign(0) = 0 and sign(NaN) =
 * NaN (Chen et al. 2023, Symbolic Discovery of Optimization Algorithms).
 */
export const lion: OpDefinition<'update'> = {
  doc:
    'Lion: steps of one size in the direction of a mean of gradients; ' +
    'gives the new weight and leaves everything alone where ok is false.',
  kind: 'update',
  constraints: {
    lion_c1: 'w, g and m have the same shape',
    lion_c2: 'lr is a single number',
  },
  operands: [
    { name: 'w', format: 'exact' },
    { name: 'g', format: 'f32' },
    { name: 'm', format: 'exact' },
    { name: 'lr', format: 'f32' },
    { name: 'ok', format: 'bool', optional: true },
  ],
  attrs: {
    beta1: { kind: 'number', doc: 'share of the old mean in what gives the direction' },
    beta2: { kind: 'number', doc: 'share of the old mean that is kept' },
    weight_decay: { kind: 'number', doc: 'times lr * w, taken off the weight' },
    guarded: { kind: 'boolean', doc: 'the last operand is ok' },
    ...WRITES,
  },
  precision: 'fixed',
  result: 'first',
  shape: ([w, g, m, lr]) => {
    sameShapes('lion_c1', w, g, m);
    isScalar('lion_c2', 'the learning rate', lr);
    return w.shape;
  },
  gradient: 'none',
  effect: true,
  flops: ([w]) => 11 * elements(w),
  sample: (random) => {
    const type = f32(...sampleShape(random));
    const guarded = random.pick([true, false]);
    const types = [type, type, type, f32()];
    return {
      types: guarded ? [...types, OK] : types,
      attrs: { beta1: 0.9, beta2: 0.99, weight_decay: random.pick([0, 0.1]), guarded, writes: ['w', 'm'] },
      domains: [undefined, undefined, undefined, RATES],
    };
  },
};

/**
 * With g' = g + weight_decay * w: v = alpha * v + (1 - alpha) * g' * g'; d = g' / (sqrt(v) + eps); buf = momentum * buf + d; w - lr * buf,
 * or w - lr * d without momentum. Centered: m = m + (1 - alpha) * (g' - m), and max(v - m * m, 0) under the root (Tieleman and Hinton 2012,
 * in PyTorch's order of operations; that has no maximum, and NaN where rounding leaves less than 0).
 */
export const rmsprop: OpDefinition<'update'> = {
  doc:
    'RMSprop: gradients divided by the root of a mean of their squares, with optional momentum; ' +
    'gives the new weight and leaves everything alone where ok is false.',
  kind: 'update',
  constraints: {
    rmsprop_c1: 'w, g, v, m and buf have the same shape',
    rmsprop_c2: 'lr is a single number',
    rmsprop_c3: 'm is there exactly where it is centered, and buf exactly when momentum is not 0',
  },
  operands: [
    { name: 'w', format: 'exact' },
    { name: 'g', format: 'f32' },
    { name: 'v', format: 'exact' },
    { name: 'lr', format: 'f32' },
    { name: 'm', format: 'exact', optional: true },
    { name: 'buf', format: 'exact', optional: true },
    { name: 'ok', format: 'bool', optional: true },
  ],
  attrs: {
    alpha: { kind: 'number', doc: 'decay of the mean of squared gradients' },
    eps: { kind: 'number', doc: 'added to the denominator' },
    momentum: { kind: 'number', doc: 'share of the old direction that is kept' },
    centered: { kind: 'boolean', doc: 'the square of the mean is taken off the mean of squares' },
    weight_decay: { kind: 'number', doc: 'times w, added to the gradient' },
    guarded: { kind: 'boolean', doc: 'the last operand is ok' },
    ...WRITES,
  },
  precision: 'fixed',
  result: 'first',
  shape: ([w, g, v, lr, ...rest], attrs) => {
    const slots = rest.filter((type) => isFloat(type.dtype));
    const wanted = Number(attrs.centered === true) + Number(attrs.momentum !== 0);
    constrain(slots.length === wanted, 'rmsprop_c3', 'a mean is for what is centered, and a buffer for momentum');
    sameShapes('rmsprop_c1', w, g, v, ...slots);
    isScalar('rmsprop_c2', 'the learning rate', lr);
    return w.shape;
  },
  gradient: 'none',
  effect: true,
  flops: ([w]) => 14 * elements(w),
  sample: (random) => {
    const type = f32(...sampleShape(random));
    const [centered, guarded] = [random.pick([true, false]), random.pick([true, false])];
    const momentum = random.pick([0, 0.9]);
    // Of operands that may be left out, those that are there have the first names.
    const slots = ['m', 'buf'].slice(0, Number(centered) + Number(momentum !== 0));
    const types = [type, type, type, f32(), ...slots.map(() => type)];
    // The mean of squares of numbers is not below the square of their mean.
    const domains = [undefined, undefined, { low: 0.3, high: 1 }, RATES, ...(centered ? [{ low: -0.5, high: 0.5 }] : [])];
    return {
      types: guarded ? [...types, OK] : types,
      attrs: { alpha: 0.99, eps: 1e-8, momentum, centered, weight_decay: random.pick([0, 0.01]), guarded, writes: ['w', 'v', ...slots] },
      domains,
    };
  },
};
