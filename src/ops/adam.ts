import { isFloat } from '../ir/types.js';
import { elements, isScalar, sameShapes } from './constraints.js';
import { constrain, type OpDefinition, type OpSample, type SampleRandom } from './op.js';
import { OK, RATES, WRITES } from './optimizer.js';
import { f32, sampleShape, tensor } from './sample.js';

const SQUARES = { low: 0.01, high: 1 };

function adamOp(name: 'adam' | 'adamw', doc: string): OpDefinition<'update'> {
  return {
    doc,
    kind: 'update',
    constraints: {
      [`${name}_c1`]: 'w, g, m, v and largest have the same shape',
      [`${name}_c2`]: 'lr and t are single numbers',
      [`${name}_c3`]: 'largest is there exactly with amsgrad',
    },
    operands: [
      { name: 'w', format: 'exact' },
      { name: 'g', format: 'f32' },
      { name: 'm', format: 'exact' },
      { name: 'v', format: 'exact' },
      { name: 'lr', format: 'f32' },
      { name: 't', format: 'i32' },
      { name: 'largest', format: 'exact', optional: true },
      { name: 'ok', format: 'bool', optional: true },
    ],
    attrs: {
      beta1: { kind: 'number', doc: 'decay of the mean of gradients' },
      beta2: { kind: 'number', doc: 'decay of the mean of squared gradients' },
      eps: { kind: 'number', doc: 'added to the denominator' },
      amsgrad: { kind: 'boolean', optional: true, doc: 'true: divide by the largest v so far' },
      weight_decay: { kind: 'number', doc: name === 'adam' ? 'times w, added to the gradient' : 'times lr * w, taken off the weight' },
      guarded: { kind: 'boolean', doc: 'the last operand is ok' },
      ...WRITES,
    },
    precision: 'fixed',
    result: 'first',
    shape: ([w, g, m, v, lr, t, ...rest], attrs) => {
      const largest = rest.filter((type) => isFloat(type.dtype));
      constrain((attrs.amsgrad === true) === (largest.length === 1), `${name}_c3`, 'amsgrad needs the largest v, and only amsgrad');
      sameShapes(`${name}_c1`, w, g, m, v, ...largest);
      isScalar(`${name}_c2`, 'the learning rate', lr);
      isScalar(`${name}_c2`, 't', t);
      return w.shape;
    },
    gradient: 'none',
    effect: true,
    flops: ([w]) => 14 * elements(w),
    sample: (random) => sampleAdam(random),
  };
}

function sampleAdam(random: SampleRandom): OpSample {
  const type = f32(...sampleShape(random));
  const guarded = random.pick([true, false]);
  const amsgrad = random.pick([true, false]);
  const types = [type, type, type, type, f32(), tensor('i32'), ...(amsgrad ? [type] : [])];
  const numbers = { beta1: 0.9, beta2: 0.999, eps: 1e-8, ...(amsgrad && { amsgrad }), weight_decay: random.pick([0, 0.01]) };
  return {
    types: guarded ? [...types, OK] : types,
    attrs: { ...numbers, guarded, writes: amsgrad ? ['w', 'm', 'v', 'largest'] : ['w', 'm', 'v'] },
    domains: [undefined, undefined, undefined, SQUARES, RATES, { low: 0, high: 2000 }, ...(amsgrad ? [SQUARES] : [])],
  };
}

/**
 * With k = t + 1 and g' = g + weight_decay * w: m = m + (1 - beta1) * (g' - m); v = beta2 * v + (1 - beta2) * g' * g';
 * w - lr / (1 - beta1^k) * m / (sqrt(v) / sqrt(1 - beta2^k) + eps) (Kingma and Ba 2015, in PyTorch's order of operations). With amsgrad
 * largest = max(largest, v) stands in the place of the last v (Reddi, Kale and Kumar 2018).
 */
export const adam = adamOp('adam', 'Adam; gives the new weight and leaves everything alone where ok is false.');

/** As adam, but with w * (1 - lr * weight_decay) instead of decay in the gradient (Loshchilov and Hutter 2019). */
export const adamw = adamOp(
  'adamw',
  'Adam with decoupled weight decay; gives the new weight and leaves everything alone where ok is false.',
);
