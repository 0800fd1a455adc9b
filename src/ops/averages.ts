import { elements, isScalar, sameShapes } from './constraints.js';
import type { OpDefinition, OpSample, SampleRandom } from './op.js';
import { f32, sampleShape, tensor } from './sample.js';

const WRITES = { writes: { kind: 'strings', doc: 'the states that change, in the order of their operands' } } as const;
const OK = tensor('bool');
const SHARES = { low: 0.05, high: 0.95 };

/** Types and attributes of an op on an average; `between`: what it takes besides the average and the weight. */
function sampleOf(random: SampleRandom, between: OpSample, writes: readonly string[]): OpSample {
  const type = f32(...sampleShape(random));
  const types = [type, type, ...between.types];
  const guarded = random.pick([true, false]);
  return {
    types: guarded ? [...types, OK] : types,
    attrs: { ...between.attrs, writes },
    domains: [undefined, undefined, ...(between.domains ?? [])],
  };
}

/**
 * avg + s (w - avg), as torch.lerp computes it, where ok is true and share above 0. s is 1 for the first average (n = 0); after that share,
 * or with `mean` 1 / (n + 1) (torch.optim.swa_utils: get_ema_multi_avg_fn and get_swa_multi_avg_fn).
 */
export const updateAverage: OpDefinition<'update'> = {
  doc: 'Moves the average of a state towards what the step leaves in that state; where ok is false, or share is 0, it stays.',
  kind: 'update',
  constraints: {
    update_average_c1: 'avg and w have the same shape',
    update_average_c2: 'n and share are single numbers',
  },
  operands: [
    { name: 'avg', format: 'f32' },
    { name: 'w', format: 'exact' },
    { name: 'n', format: 'i32' },
    { name: 'share', format: 'f32' },
    { name: 'ok', format: 'bool', optional: true },
  ],
  attrs: { mean: { kind: 'boolean', doc: 'every weight that was averaged counts as much as any other' }, ...WRITES },
  precision: 'fixed',
  result: 'f32',
  shape: ([avg, w, n, share]) => {
    sameShapes('update_average_c1', avg, w);
    isScalar('update_average_c2', 'n', n);
    isScalar('update_average_c2', 'share', share);
    return avg.shape;
  },
  gradient: 'none',
  effect: true,
  flops: ([avg]) => 3 * elements(avg),
  sample: (random) =>
    sampleOf(
      random,
      {
        types: [tensor('i32'), f32()],
        attrs: { mean: random.pick([true, false]) },
        domains: [{ low: 0, high: random.pick([0, 100]) }, SHARES],
      },
      ['avg'],
    ),
};

/** slow + share (w - slow), as torch.lerp computes it; w then goes on from there (Zhang et al. 2019, Lookahead Optimizer). */
export const lookAhead: OpDefinition<'update'> = {
  doc: 'Moves slow weights towards what the step leaves, and sets the weights to them; where ok is false, or share is 0, all stay.',
  kind: 'update',
  constraints: {
    look_ahead_c1: 'slow and w have the same shape',
    look_ahead_c2: 'share is a single number',
  },
  operands: [
    { name: 'slow', format: 'f32' },
    { name: 'w', format: 'exact' },
    { name: 'share', format: 'f32' },
    { name: 'ok', format: 'bool', optional: true },
  ],
  attrs: WRITES,
  precision: 'fixed',
  result: 'f32',
  shape: ([slow, w, share]) => {
    sameShapes('look_ahead_c1', slow, w);
    isScalar('look_ahead_c2', 'share', share);
    return slow.shape;
  },
  gradient: 'none',
  effect: true,
  flops: ([slow]) => 3 * elements(slow),
  sample: (random) => sampleOf(random, { types: [f32()], attrs: {}, domains: [SHARES] }, ['slow', 'w']),
};

/** n + 1 where share is above 0 and ok is true, else n. */
export const countAverage: OpDefinition<'counter'> = {
  doc: 'Counts the averages that were taken; a skipped step does not count.',
  kind: 'counter',
  runsLast: true,
  constraints: { count_average_c1: 'n and share are single numbers' },
  operands: [
    { name: 'n', format: 'i32' },
    { name: 'share', format: 'f32' },
    { name: 'ok', format: 'bool', optional: true },
  ],
  attrs: WRITES,
  precision: 'fixed',
  result: 'i32',
  shape: ([n, share]) => {
    isScalar('count_average_c1', 'n', n);
    isScalar('count_average_c1', 'share', share);
    return [];
  },
  gradient: 'none',
  effect: true,
  sample: (random) => ({
    types: random.pick([true, false]) ? [tensor('i32'), f32(), OK] : [tensor('i32'), f32()],
    attrs: { writes: ['n'] },
    domains: [{ low: 0, high: 1000 }, random.pick([SHARES, { low: 0, high: 0 }])],
  }),
};
