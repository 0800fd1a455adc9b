import { elementCount } from '../../ir/types.js';
import { SMALLEST_F32 } from '../../numeric/single.js';
import { threefry2x32, uniform01 } from '../../random/threefry.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { curveKernels } from './curves.js';
import { CODES, F64 } from './device.js';
import { attr, exact, type Kernel, keepWhere, wide } from './kernel.js';

/** dy where the first is larger, half of it where they are equal. */
function passed(tf: Calls, dy: Tensor, larger: Tensor, smaller: Tensor): Tensor {
  const shared = tf.choose(tf.compare('Equal', larger, smaller), tf.mul(dy, 0.5), dy);
  return keepWhere(tf, tf.not(tf.compare('Less', larger, smaller)), shared);
}

/** 1 where an element is kept, for `count` elements: the generator's words in order, two of each call. */
function keptElements(count: number, seed: number, salt: number, step: number, rate: number): Uint8Array {
  const kept = new Uint8Array(count);
  const threshold = Math.fround(rate);
  for (let i = 0; i < count; i += 2) {
    const [first, second] = threefry2x32(seed, salt, i >>> 1, step);
    kept[i] = uniform01(first) >= threshold ? 1 : 0;
    if (i + 1 < count) kept[i + 1] = uniform01(second) >= threshold ? 1 : 0;
  }
  return kept;
}

/** The mask is drawn on the host: a hundred integer operations of TensorFlow would cost more than its bytes. */
const dropout = wide((tf, [x], context) => {
  const rate = attr(context, 'rate');
  const { shape } = context.type;
  const kept = keptElements(elementCount(shape), attr(context, 'seed'), attr(context, 'salt'), context.hostNumber(1), rate);
  return keepWhere(tf, tf.device.upload(shape, CODES.bool, kept), tf.mul(x!, Math.fround(1 / (1 - rate))));
});

export const elementwiseKernels = {
  // Of one rank.
  all_reduce: wide((_tf, [x]) => x!),
  ...curveKernels,
  prelu: wide((tf, [x, slope]) => tf.choose(tf.compare('Greater', x!, 0), x!, tf.mul(x!, slope!))),
  prelu_grad: wide((tf, [dy, x, slope]) => tf.choose(tf.compare('Greater', x!, 0), dy!, tf.mul(dy!, slope!))),
  prelu_slope_grad: wide((tf, [dy, x]) => keepWhere(tf, tf.not(tf.compare('Greater', x!, 0)), tf.mul(dy!, x!))),
  add: exact((tf, [a, b]) => tf.add(a!, b!)),
  sub: exact((tf, [a, b]) => tf.sub(a!, b!)),
  mul: exact((tf, [a, b]) => tf.mul(a!, b!)),
  div: wide((tf, [a, b]) => tf.div(a!, b!)),
  div_dividend_grad: wide((tf, [dy, b]) => tf.div(dy!, b!)),
  div_divisor_grad: wide((tf, [dy, y, b]) => tf.div(tf.mul(tf.unary('Neg', dy!), y!), b!)),
  maximum: exact((tf, [a, b]) => tf.binary('Maximum', a!, b!)),
  maximum_grad: wide((tf, [dy, own, other]) => passed(tf, dy!, own!, other!)),
  minimum: exact((tf, [a, b]) => tf.binary('Minimum', a!, b!)),
  minimum_grad: wide((tf, [dy, own, other]) => passed(tf, dy!, other!, own!)),
  scale: wide((tf, [x], context) => tf.mul(x!, attr(context, 'factor'))),
  scale_by: wide((tf, [x, factor]) => tf.mul(x!, factor!)),
  shift: wide((tf, [x], context) => tf.add(x!, attr(context, 'offset'))),
  cast: (({ tf, inputs: [x], type }) => tf.cast(x!, CODES[type.dtype])) as Kernel,
  dropout,
  unscale: wide((tf, [g, scale]) => tf.mul(g!, tf.div(1, scale!))),
  over_norm: wide((tf, [g, norm], context) => tf.div(g!, tf.add(norm!, attr(context, 'eps')))),
  clip_by_norm: wide((tf, [g, norm], context) => {
    // max / norm can be below TensorFlow's least number in f32; its root and what that leaves of it cannot.
    const factor = tf.binary('Minimum', tf.div(attr(context, 'max'), tf.add(tf.cast(norm!, F64), 1e-6)), 1);
    const root = tf.unary('Sqrt', tf.binary('Maximum', factor, SMALLEST_F32));
    return tf.mul(tf.mul(g!, tf.cast(root, CODES.f32)), tf.cast(tf.div(factor, root), CODES.f32));
  }),
};
