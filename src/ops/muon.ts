import { isFloat } from '../ir/types.js';
import { elements, isScalar, sameShapes } from './constraints.js';
import { constrain, type OpDefinition } from './op.js';
import { OK, RATES, WRITES } from './optimizer.js';
import { f32, sampleShape } from './sample.js';

/**
 * With w' = w * length / max(norm, 1e-12), or w where length is 0: w' * (1 - lr * weight_decay) - lr * factor * o, and
 * buf = momentum * buf + g (Jordan et al. 2024, Muon). `o`: the direction, made orthogonal.
 */
export const muon: OpDefinition<'update'> = {
  doc: 'Muon: a step along a direction that is orthogonal; gives the new weight and leaves everything alone where ok is false.',
  kind: 'update',
  constraints: {
    muon_c1: 'w, g, o and buf have the same shape',
    muon_c2: 'lr and norm are single numbers',
    muon_c3: 'buf is there exactly when momentum is not 0, and norm exactly when length is not 0',
  },
  operands: [
    { name: 'w', format: 'exact' },
    { name: 'g', format: 'f32' },
    { name: 'lr', format: 'f32' },
    { name: 'o', format: 'f32' },
    { name: 'buf', format: 'exact', optional: true },
    { name: 'norm', format: 'f32', optional: true },
    { name: 'ok', format: 'bool', optional: true },
  ],
  attrs: {
    momentum: { kind: 'number', doc: 'share of the old direction that is kept' },
    factor: { kind: 'number', doc: 'times lr, by the shape of the matrix' },
    length: { kind: 'number', doc: 'norm that the weight is brought to before the step; 0: it is left as it is' },
    weight_decay: { kind: 'number', doc: 'times lr * w, taken off the weight' },
    guarded: { kind: 'boolean', doc: 'the last operand is ok' },
    ...WRITES,
  },
  precision: 'fixed',
  result: 'first',
  shape: ([w, g, lr, o, ...rest], attrs) => {
    const given = rest.filter((type) => isFloat(type.dtype));
    const [momentum, length] = [attrs.momentum !== 0, attrs.length !== 0];
    constrain(given.length === Number(momentum) + Number(length), 'muon_c3', 'momentum needs its buffer, and a length the norm');
    sameShapes('muon_c1', w, g, o, ...(momentum ? [given[0]!] : []));
    isScalar('muon_c2', 'the learning rate', lr);
    if (length) isScalar('muon_c2', 'the norm', given[given.length - 1]!);
    return w.shape;
  },
  gradient: 'none',
  effect: true,
  flops: ([w]) => 7 * elements(w),
  sample: (random) => {
    const type = f32(...sampleShape(random));
    const [momentum, length, guarded] = [random.pick([0, 0.9]), random.pick([0, 2]), random.pick([true, false])];
    const types = [type, type, f32(), type, ...(momentum === 0 ? [] : [type]), ...(length === 0 ? [] : [f32()])];
    const norm = { low: 0.5, high: 4 };
    return {
      types: guarded ? [...types, OK] : types,
      attrs: {
        ...{ momentum, factor: random.pick([1, 1.5]), length, weight_decay: random.pick([0, 0.1]), guarded },
        writes: momentum === 0 ? ['w'] : ['w', 'buf'],
      },
      domains: [undefined, undefined, RATES, undefined, ...(momentum === 0 ? [] : [undefined]), ...(length === 0 ? [] : [norm])],
    };
  },
};
