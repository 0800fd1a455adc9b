import { numbersAttr, type Shape } from '../../ir/types.js';
import { LARGEST_F32 } from '../../numeric/single.js';
import type { Tensor } from './binding.js';
import type { Calls } from './calls.js';
import { CODES } from './device.js';
import { exact, type Kernel, type KernelContext, wide } from './kernel.js';
import { areEqual, isSurelyFinite, madeElements, maxPool, maxPoolGrad, type Windows } from './onednn.js';
import { indexOf, type Pool, scatter, tapsAndMaximum } from './windows.js';

function poolOf({ node: { attrs } }: KernelContext, image: Shape, result: Shape): Pool {
  const [window, stride, padding] = ['window', 'stride', 'padding'].map((name) => numbersAttr(attrs, name)) as [
    number[],
    number[],
    number[],
  ];
  return { window, stride, padding, image, result };
}

/** Loses against every element whose square is finite. */
const LEAST = -LARGEST_F32;

function aroundOf({ padding: [top, bottom, left, right] }: Pool): readonly (readonly [number, number])[] {
  return [
    [0, 0],
    [top!, bottom!],
    [left!, right!],
    [0, 0],
  ];
}

function padded(pool: Pool): Windows {
  const around = aroundOf(pool);
  return { ...pool, image: pool.image.map((length, axis) => length + around[axis]![0] + around[axis]![1]) };
}

function fusedMaxima(tf: Calls, x: Tensor, pool: Pool): readonly [Tensor, Tensor] {
  return maxPool(tf, tf.pad(x, aroundOf(pool), LEAST), padded(pool));
}

function fusedScatter(tf: Calls, dy: Tensor, index: Tensor, pool: Pool): Tensor {
  const dx = maxPoolGrad(tf, dy, index, padded(pool));
  return tf.slice(
    dx,
    aroundOf(pool).map(([before]) => before),
    pool.image,
  );
}

/** Whether oneDNN's pool agrees with the spelled-out one, with its choice among equal elements and with infinite gradients. */
function isFused(tf: Calls, { window, stride, padding, image, result }: Pool): boolean {
  return tf.device.passes(`max pool of ${image.slice(1)}: ${window} / ${stride} / ${padding}`, () => {
    const few = Math.min(2, image[0]!);
    const pool: Pool = { window, stride, padding, image: [few, ...image.slice(1)], result: [few, ...result.slice(1)] };
    const x = madeElements(tf, pool.image);
    const dy = madeElements(tf, pool.result, [Infinity]);
    const [max, index] = fusedMaxima(tf, x, pool);
    const all = tapsAndMaximum(tf, x, pool);
    const expected = indexOf(tf, all, pool);
    return areEqual(tf, [
      [max, all.at(-1)!],
      [index, expected],
      [fusedScatter(tf, dy, index, pool), scatter(tf, dy, expected, pool)],
    ]);
  });
}

/** The maximum and, if oneDNN found it, its index, or the taps that tell the index; shared by the pool and its index. */
function maxima(context: KernelContext): { max: Tensor; index: Tensor | undefined; all: readonly Tensor[] } {
  const { tf, inputs, types, type: result } = context;
  const pool = poolOf(context, types[0]!.shape, result.shape);
  const { window, stride, padding } = pool;
  const all = context.shared(0, `max pool ${window} / ${stride} / ${padding}`, () => {
    if (isFused(tf, pool)) {
      const x = context.widened(0);
      if (isSurelyFinite(tf, x)) {
        const [max, index] = fusedMaxima(tf, x, pool);
        return [index, max];
      }
    }
    return tapsAndMaximum(tf, inputs[0]!, pool);
  });
  const [first] = all;
  return { max: all.at(-1)!, index: first!.dtype === CODES.u8 ? first : undefined, all };
}

const maxPool2dIndex: Kernel = (context) => {
  const { index, all } = maxima(context);
  return index ?? indexOf(context.tf, all, poolOf(context, context.types[0]!.shape, context.type.shape));
};

const scatterExactly = exact((tf, [dy, index], context) => scatter(tf, dy!, index!, poolOf(context, context.type.shape, dy!.shape)));
const scatterSums = wide((tf, [dy, index], context) => scatter(tf, dy!, index!, poolOf(context, context.type.shape, dy!.shape)));
const scatterFused = wide((tf, [dy, index], context) => fusedScatter(tf, dy!, index!, poolOf(context, context.type.shape, dy!.shape)));

/** Where windows overlap, gradients are added: in f32, to be rounded once. */
const maxPool2dGrad: Kernel = (context) => {
  const pool = poolOf(context, context.type.shape, context.types[0]!.shape);
  if (isFused(context.tf, pool)) return scatterFused(context);
  const overlap = pool.window.some((length, axis) => length > pool.stride[axis]!);
  return overlap ? scatterSums(context) : scatterExactly(context);
};

/**
 * A NaN in a window is its maximum, and its place the index: TensorFlow's own pools do not promise that. So pools are spelled out in slices
 * and comparisons, or oneDNN's is taken where nothing can be a NaN. The gradient needs no such care.
 */
export const maxPoolKernels = {
  max_pool2d: ((context) => maxima(context).max) as Kernel,
  max_pool2d_index: maxPool2dIndex,
  max_pool2d_grad: maxPool2dGrad,
};
