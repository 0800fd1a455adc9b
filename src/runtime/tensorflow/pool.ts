import { numbersAttr, type Shape } from '../../ir/types.js';
import type { Tensor } from './binding.js';
import { type Calls, ints, text, type } from './calls.js';
import { CODES, INT32 } from './device.js';
import { exact, type Kernel, type KernelContext, wide } from './kernel.js';

/**
 * A window over an image, cut into phases: phase (r, c) holds the pixels whose row is r modulo the row stride and whose column is c modulo the
 * column stride. Position (p, q) of every window is then one slice of one phase. TensorFlow's own pools are not used: their gradient is slow
 * on a processor, and they do not promise to pass a NaN.
 */
interface Phases {
  readonly stride: readonly number[];
  readonly window: readonly number[];
  /** Shape of the pooled image. */
  readonly result: Shape;
  /** Rows and columns of each phase. */
  readonly size: readonly [number, number];
  /** Elements added on each side of the image, axis by axis, so that all phases have that size. */
  readonly padding: readonly (readonly [number, number])[];
}

function phasesOf(context: KernelContext, image: Shape, result: Shape): Phases {
  const { attrs } = context.node;
  const stride = numbersAttr(attrs, 'stride');
  const window = numbersAttr(attrs, 'window');
  const padding = numbersAttr(attrs, 'padding');
  const size = [0, 1].map((axis) => {
    const needed = result[axis + 1]! + Math.floor((window[axis]! - 1) / stride[axis]!);
    return Math.max(needed, Math.ceil((image[axis + 1]! + padding[2 * axis]!) / stride[axis]!));
  }) as [number, number];
  const around = [0, 1].map((axis): [number, number] => {
    const before = padding[2 * axis]!;
    return [before, size[axis]! * stride[axis]! - image[axis + 1]! - before];
  });
  return { stride, window, result, size, padding: [[0, 0], ...around, [0, 0]] };
}

function positions({ window }: Phases): readonly (readonly [number, number])[] {
  const [rows, columns] = window as [number, number];
  return Array.from({ length: rows * columns }, (_, tap) => [Math.floor(tap / columns), tap % columns]);
}

/** Which phase holds position (p, q) of the windows, and from which row and column on. */
function place({ stride }: Phases, [p, q]: readonly [number, number]): { phase: number; at: readonly [number, number] } {
  const [rows, columns] = stride as [number, number];
  return { phase: (p % rows) * columns + (q % columns), at: [Math.floor(p / rows), Math.floor(q / columns)] };
}

function block(tf: Calls, { stride }: Phases): { sizes: Tensor; none: Tensor } {
  const none = tf.device.constant('no crops', () => tf.device.upload([2, 2], INT32, new Int32Array(4)));
  return { sizes: tf.vector(stride), none };
}

/** Every position of all windows, as an image of the pooled size. */
function taps(tf: Calls, x: Tensor, phases: Phases): readonly Tensor[] {
  const { stride, result } = phases;
  const count = stride[0]! * stride[1]!;
  let images = tf.pad(x, phases.padding, -Infinity);
  if (count > 1) {
    const { sizes, none } = block(tf, phases);
    const attrs = [type('T', x.dtype), type('Tblock_shape', INT32), type('Tpaddings', INT32)];
    images = tf.device.execute('SpaceToBatchND', attrs, [images, sizes, none], x.dtype);
  }
  const parts = tf.split(images, count);
  return positions(phases).map((position) => {
    const { phase, at } = place(phases, position);
    return tf.slice(parts[phase]!, [0, ...at, 0], result);
  });
}

/** The taps of a max pool, and last their maximum: shared by the pool and its index. */
function maxima(context: KernelContext): readonly Tensor[] {
  const { tf, node, inputs, types, type: result } = context;
  const { window, stride, padding } = node.attrs;
  return context.shared(0, JSON.stringify([window, stride, padding]), () => {
    const all = taps(tf, inputs[0]!, phasesOf(context, types[0]!.shape, result.shape));
    return [...all, all.reduce((a, b) => tf.binary('Maximum', a, b))];
  });
}

/** Counts how many taps, from the first on, lie below the maximum. Of an infinity and a NaN in one window the first is taken. */
const maxPool2dIndex: Kernel = (context) => {
  const { tf } = context;
  const all = maxima(context);
  const max = all[all.length - 1]!;
  const top = tf.choose(tf.test('IsNan', max), tf.filled(Infinity, context.types[0]!.dtype, context.type.shape), max);
  let below: Tensor | undefined;
  let index: Tensor | undefined;
  for (const tap of all.slice(0, -2)) {
    const less = tf.compare('Less', tap, top);
    below = below === undefined ? less : tf.logical('LogicalAnd', below, less);
    const step = tf.cast(below, CODES.u8);
    index = index === undefined ? step : tf.add(index, step);
  }
  return index ?? tf.filled(0, 'u8', context.type.shape);
};

/** Sends each dy to its tap, and puts the phases together again. */
function scatter(tf: Calls, dy: Tensor, index: Tensor, context: KernelContext): Tensor {
  const phases = phasesOf(context, context.type.shape, dy.shape);
  const { stride, size, padding } = phases;
  const count = stride[0]! * stride[1]!;
  const [batch, rows, columns, channels] = dy.shape as [number, number, number, number];
  const nothing = tf.zerosLike(dy);
  const parts: Tensor[][] = Array.from({ length: count }, () => []);
  for (const [tap, position] of positions(phases).entries()) {
    const { phase, at } = place(phases, position);
    const sent = tf.choose(tf.compare('Equal', index, tap), dy, nothing);
    const around = [rows, columns].map((length, axis): [number, number] => [at[axis]!, size[axis]! - length - at[axis]!]);
    parts[phase]!.push(tf.pad(sent, [[0, 0], ...around, [0, 0]], 0));
  }
  const images = parts.map((part) => (part.length === 0 ? tf.zeros([batch, ...size, channels], dy.dtype) : tf.sum(part)));
  let image = tf.concat(images, 0);
  if (count > 1) {
    const { sizes, none } = block(tf, phases);
    const attrs = [type('T', dy.dtype), type('Tblock_shape', INT32), type('Tcrops', INT32)];
    image = tf.device.execute('BatchToSpaceND', attrs, [image, sizes, none], dy.dtype);
  }
  const before = padding.map(([amount]) => amount);
  return tf.slice(image, before, context.type.shape);
}

const scatterExactly = exact((tf, [dy, index], context) => scatter(tf, dy!, index!, context));
const scatterSums = wide((tf, [dy, index], context) => scatter(tf, dy!, index!, context));

/** Where windows overlap, gradients are added: in f32, to be rounded once. */
const maxPool2dGrad: Kernel = (context) => {
  const [window, stride] = [numbersAttr(context.node.attrs, 'window'), numbersAttr(context.node.attrs, 'stride')];
  const overlap = window.some((length, axis) => length > stride[axis]!);
  return overlap ? scatterSums(context) : scatterExactly(context);
};

function averageAttrs({ node }: KernelContext) {
  const [window, stride] = [numbersAttr(node.attrs, 'window'), numbersAttr(node.attrs, 'stride')];
  const sizes = [ints('ksize', [1, ...window, 1]), ints('strides', [1, ...stride, 1])];
  return [...sizes, type('T', CODES.f32), text('padding', 'VALID'), text('data_format', 'NHWC')];
}

function averagePadding({ node }: KernelContext): readonly (readonly [number, number])[] {
  const [top, bottom, left, right] = numbersAttr(node.attrs, 'padding') as [number, number, number, number];
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
}

export const poolKernels = {
  max_pool2d: ((context) => maxima(context).at(-1)!) as Kernel,
  max_pool2d_index: maxPool2dIndex,
  max_pool2d_grad: maxPool2dGrad,
  avg_pool2d: wide((tf, [x], context) =>
    tf.device.execute('AvgPool', averageAttrs(context), [tf.pad(x!, averagePadding(context), 0)], CODES.f32),
  ),
  avg_pool2d_grad: wide((tf, [dy], context) => {
    const padding = averagePadding(context);
    const padded = context.type.shape.map((length, axis) => length + padding[axis]![0] + padding[axis]![1]);
    const dx = tf.device.execute('AvgPoolGrad', averageAttrs(context), [tf.vector(padded), dy!], CODES.f32);
    return tf.slice(
      dx,
      padding.map(([before]) => before),
      context.type.shape,
    );
  }),
  global_avg_pool: wide((tf, [x]) => tf.reduce('Mean', x!, [1, 2])),
  global_avg_pool_grad: wide((tf, [dy], { type: { shape } }) => {
    const [batch, height, width, channels] = shape as [number, number, number, number];
    const share = tf.reshape(tf.div(dy!, height * width), [batch, 1, 1, channels]);
    return tf.device.execute('BroadcastTo', [type('T', CODES.f32), type('Tidx', INT32)], [share, tf.vector(shape)], CODES.f32);
  }),
};
