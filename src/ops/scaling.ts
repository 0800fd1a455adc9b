import type { TensorType } from '../ir/types.js';
import { elements, isScalar } from './constraints.js';
import type { OpDefinition } from './op.js';
import { f32, sampleShape, tensor } from './sample.js';

const FACTOR = { factor: { kind: 'number', doc: '1 / number of accumulated micro-batches' } } as const satisfies OpDefinition['attrs'];
const SCALES = { low: 0.5, high: 4096 };

function totalElements(types: readonly TensorType[]): number {
  return types.reduce((sum, type) => sum + elements(type), 0);
}

/** loss * scale * factor, in this order. */
export const scaleLoss: OpDefinition<'scalar'> = {
  doc: 'The loss times the loss scale, so that small gradients do not vanish in the compute format.',
  kind: 'scalar',
  lossScaling: true,
  constraints: { scale_loss_c1: 'loss and scale are single numbers' },
  operands: [
    { name: 'loss', format: 'f32' },
    { name: 'scale', format: 'f32' },
  ],
  attrs: FACTOR,
  precision: 'fixed',
  result: 'f32',
  shape: ([loss, scale]) => {
    isScalar('scale_loss_c1', 'the loss', loss);
    isScalar('scale_loss_c1', 'the scale', scale);
    return [];
  },
  gradient: ({ node, dy, emit }) => [emit('scale_loss_grad', [dy, node.inputs[1]], node.attrs, 0), undefined],
  flops: () => 2,
  sample: (random) => ({ types: [f32(), f32()], attrs: { factor: random.pick([1, 0.25]) }, domains: [undefined, SCALES] }),
};

/** d * scale * factor, in this order. */
export const scaleLossGrad: OpDefinition<'scalar'> = {
  doc: 'Gradient of scale_loss with respect to the loss.',
  kind: 'scalar',
  gradientOf: { op: 'scale_loss', operand: 'loss' },
  lossScaling: true,
  constraints: { scale_loss_grad_c1: 'd and scale are single numbers' },
  operands: [
    { name: 'd', format: 'f32' },
    { name: 'scale', format: 'f32' },
  ],
  attrs: FACTOR,
  precision: 'fixed',
  result: 'f32',
  shape: ([d, scale]) => {
    isScalar('scale_loss_grad_c1', 'd', d);
    isScalar('scale_loss_grad_c1', 'the scale', scale);
    return [];
  },
  gradient: 'none',
  flops: () => 2,
  sample: (random) => ({ types: [f32(), f32()], attrs: { factor: random.pick([1, 0.25]) }, domains: [undefined, SCALES] }),
};

export const allFinite: OpDefinition<'total'> = {
  doc: 'True when no element of any operand is an infinity or a NaN.',
  kind: 'total',
  conditionsGradients: true,
  lossScaling: true,
  constraints: {},
  operands: [{ name: 'g', format: 'f32', variadic: true }],
  attrs: {},
  precision: 'fixed',
  result: 'bool',
  shape: () => [],
  gradient: 'none',
  flops: totalElements,
  sample: (random) => ({ types: Array.from({ length: random.int(1, 3) }, () => f32(...sampleShape(random))), attrs: {} }),
};

/** g * f32(1 / scale). */
export const unscale: OpDefinition<'elementwise'> = {
  doc: 'Takes the loss scale out of a gradient.',
  kind: 'elementwise',
  conditionsGradients: true,
  lossScaling: true,
  constraints: { unscale_c1: 'scale is a single number' },
  operands: [
    { name: 'g', format: 'f32' },
    { name: 'scale', format: 'f32' },
  ],
  attrs: {},
  precision: 'fixed',
  result: 'f32',
  shape: ([g, scale]) => {
    isScalar('unscale_c1', 'the scale', scale);
    return g.shape;
  },
  gradient: 'none',
  sample: (random) => ({ types: [f32(...sampleShape(random)), f32()], attrs: {}, domains: [undefined, SCALES] }),
};

/** sqrt(sum of g^2 over all elements of all operands), also where g^2 leaves f32; of finite gradients at most the largest f32. */
export const globalNorm: OpDefinition<'total'> = {
  doc: 'Euclidean norm of all gradients together.',
  kind: 'total',
  conditionsGradients: true,
  constraints: {},
  operands: [{ name: 'g', format: 'f32', variadic: true }],
  attrs: {},
  precision: 'fixed',
  result: 'f32',
  shape: () => [],
  gradient: 'none',
  flops: (types) => 2 * totalElements(types),
  sample: (random) => ({ types: Array.from({ length: random.int(1, 3) }, () => f32(...sampleShape(random))), attrs: {} }),
};

/** g * min(1, max / (norm + 1e-6)), as PyTorch's clip_grad_norm_. */
export const clipByNorm: OpDefinition<'elementwise'> = {
  doc: 'Shrinks a gradient by the factor that brings the global norm down to `max`; leaves it alone below.',
  kind: 'elementwise',
  conditionsGradients: true,
  constraints: { clip_by_norm_c1: 'norm is a single number' },
  operands: [
    { name: 'g', format: 'f32' },
    { name: 'norm', format: 'f32' },
  ],
  attrs: { max: { kind: 'number', doc: 'largest norm that passes unchanged' } },
  precision: 'fixed',
  result: 'f32',
  shape: ([g, norm]) => {
    isScalar('clip_by_norm_c1', 'the norm', norm);
    return g.shape;
  },
  gradient: 'none',
  sample: (random) => ({
    types: [f32(...sampleShape(random)), f32()],
    attrs: { max: random.pick([0.5, 1]) },
    domains: [undefined, { low: 0.1, high: 3 }],
  }),
};

/** g / (norm + eps). */
export const overNorm: OpDefinition<'elementwise'> = {
  doc: 'Divides a matrix by its norm.',
  kind: 'elementwise',
  conditionsGradients: true,
  constraints: { over_norm_c1: 'norm is a single number' },
  operands: [
    { name: 'g', format: 'f32' },
    { name: 'norm', format: 'f32' },
  ],
  attrs: { eps: { kind: 'number', doc: 'added to the norm' } },
  precision: 'fixed',
  result: 'f32',
  shape: ([g, norm]) => {
    isScalar('over_norm_c1', 'the norm', norm);
    return g.shape;
  },
  gradient: 'none',
  sample: (random) => ({
    types: [f32(...sampleShape(random)), f32()],
    attrs: { eps: random.pick([1e-7, 0.01]) },
    domains: [undefined, { low: 0.1, high: 3 }],
  }),
};

/**
 * The state machine of PyTorch's GradScaler. Not ok: scale = max(floor, scale * backoff), tracker = 0, skips + 1. Ok: tracker + 1; when it
 * reaches the interval, scale = min(cap, scale * growth) unless that is infinite, and tracker = 0; skips = 0.
 */
export const updateScale: OpDefinition<'counter'> = {
  doc: 'Next loss scale: shrinks after a step with a non-finite gradient, grows after enough steps without one.',
  kind: 'counter',
  lossScaling: true,
  runsLast: true,
  constraints: { update_scale_c1: 'scale, tracker, skips and ok are single numbers' },
  operands: [
    { name: 'scale', format: 'f32' },
    { name: 'tracker', format: 'i32' },
    { name: 'skips', format: 'i32' },
    { name: 'ok', format: 'bool' },
  ],
  attrs: {
    growth: { kind: 'number', doc: 'factor after `interval` good steps' },
    backoff: { kind: 'number', doc: 'factor after a skipped step' },
    interval: { kind: 'number', doc: 'good steps in a row before the scale grows' },
    floor: { kind: 'number', doc: 'smallest scale' },
    cap: { kind: 'number', doc: 'largest scale' },
    writes: { kind: 'strings', doc: 'scale, tracker, skips' },
  },
  precision: 'fixed',
  result: 'f32',
  shape: (types) => {
    for (const type of types) isScalar('update_scale_c1', 'each operand', type);
    return [];
  },
  gradient: 'none',
  effect: true,
  sample: (random) => ({
    types: [f32(), tensor('i32'), tensor('i32'), tensor('bool')],
    attrs: { growth: 2, backoff: 0.5, interval: 4, floor: 1, cap: random.pick([65536, 3000]), writes: ['scale', 'tracker', 'skips'] },
    domains: [SCALES, { low: 0, high: 3 }, { low: 0, high: 3 }],
  }),
};
