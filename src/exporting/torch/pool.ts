import type { TorchContext, TorchEmitter } from './context.js';
import { number, pairOf, tuple } from './python.js';

interface PoolWindow {
  readonly window: readonly number[];
  readonly stride: readonly number[];
  /** Before the image: rows, columns. */
  readonly before: readonly number[];
  /** Behind it, as far as the windows reach. */
  readonly behind: readonly number[];
}

function poolWindow(context: TorchContext): PoolWindow {
  const [window, stride, padding] = [context.numbers('window'), context.numbers('stride'), context.numbers('padding')];
  const image = context.operandNode(0).type.shape;
  const before = [padding[0]!, padding[2]!];
  const behind = before.map((amount, axis) => {
    const end = (context.type.shape[axis + 1]! - 1) * stride[axis]! + window[axis]! - amount;
    return Math.max(0, end - image[axis + 1]!);
  });
  return { window, stride, before, behind };
}

/** Whether a pool of torch with so much padding on both sides has the same windows; with `ceil`, in its mode that keeps the last one. */
function isTorchs(context: TorchContext, { window, stride, before }: PoolWindow, ceil: boolean): boolean {
  const image = context.operandNode(0).type.shape;
  return before.every((amount, axis) => {
    const places = (image[axis + 1]! + 2 * amount - window[axis]!) / stride[axis]!;
    const results = (ceil ? Math.ceil(places) : Math.floor(places)) + 1;
    const kept = ceil && (results - 1) * stride[axis]! >= image[axis + 1]! + amount ? results - 1 : results;
    return 2 * amount <= window[axis]! && kept === context.type.shape[axis + 1];
  });
}

function written({ window, stride }: PoolWindow, padding: readonly number[], more: readonly string[]): string {
  const step = stride.join() === window.join() ? [] : [`stride=${pairOf(stride)}`];
  const around = padding.every((amount) => amount === 0) ? [] : [`padding=${pairOf(padding)}`];
  return [pairOf(window), ...step, ...around, ...more].join(', ');
}

const maxPool2d: TorchEmitter = (context) => {
  const pool = poolWindow(context);
  const x = context.operand(0, 'first');
  if (isTorchs(context, pool, false)) return { text: `F.max_pool2d(${x}, ${written(pool, pool.before, [])})`, order: 'first' };
  if (isTorchs(context, pool, true))
    return { text: `F.max_pool2d(${x}, ${written(pool, pool.before, ['ceil_mode=True'])})`, order: 'first' };
  const around = tuple([pool.before[1]!, pool.behind[1]!, pool.before[0]!, pool.behind[0]!]);
  return { text: `F.max_pool2d(F.pad(${x}, ${around}, value=-float("inf")), ${written(pool, [0, 0], [])})`, order: 'first' };
};

const avgPool2d: TorchEmitter = (context) => {
  const pool = poolWindow(context);
  const x = context.operand(0, 'first');
  if (isTorchs(context, pool, false)) return { text: `F.avg_pool2d(${x}, ${written(pool, pool.before, [])})`, order: 'first' };
  const around = tuple([pool.before[1]!, pool.behind[1]!, pool.before[0]!, pool.behind[0]!]);
  return { text: `F.avg_pool2d(F.pad(${x}, ${around}), ${written(pool, [0, 0], [])})`, order: 'first' };
};

/** Means of what is within the image, divided by how much of the counted padding a window has with it. */
const clippedAvgPool2d: TorchEmitter = (context) => {
  const pool = poolWindow(context);
  const x = context.operand(0, 'first');
  const counted = context.numbers('counted');
  const counts = counted.every((amount) => amount === 0)
    ? 'count_include_pad=False'
    : counted.join() === [pool.before[0], pool.before[0], pool.before[1], pool.before[1]].join()
      ? 'count_include_pad=True'
      : undefined;
  const ceil = !isTorchs(context, pool, false);
  if (counts !== undefined && (!ceil || isTorchs(context, pool, true))) {
    const more = [...(ceil ? ['ceil_mode=True'] : []), ...(counts === 'count_include_pad=True' ? [] : [counts])];
    return { text: `F.avg_pool2d(${x}, ${written(pool, pool.before, more)})`, order: 'first' };
  }
  const sums = (value: string, around: readonly number[]) =>
    `F.avg_pool2d(F.pad(${value}, ${tuple(around)}), ${written(pool, [0, 0], [])})`;
  const all = [pool.before[1]!, pool.behind[1]!, pool.before[0]!, pool.behind[0]!];
  const [top, bottom, left, right] = counted as readonly [number, number, number, number];
  const rest = [all[0]! - left, Math.max(all[1]! - right, 0), all[2]! - top, Math.max(all[3]! - bottom, 0)];
  const ones = `F.pad(torch.ones_like(${x}), ${tuple([left, Math.min(right, all[1]!), top, Math.min(bottom, all[3]!)])}, value=1.0)`;
  return { text: `${sums(x, all)} / ${sums(ones, rest)}`, order: 'first' };
};

const upsampled =
  (mode: string): TorchEmitter =>
  (context) => {
    const factor = tuple(context.numbers('factor').map((size) => `${size}.0`));
    return { text: `F.interpolate(${context.operand(0, 'first')}, scale_factor=${factor}, mode="${mode}")`, order: 'first' };
  };

export const poolEmitters = {
  max_pool2d: maxPool2d,
  avg_pool2d: avgPool2d,
  clipped_avg_pool2d: clippedAvgPool2d,
  adaptive_avg_pool2d: ((context) => ({
    text: `F.adaptive_avg_pool2d(${context.operand(0, 'first')}, ${tuple(context.numbers('results').map(number))})`,
    order: 'first',
  })) satisfies TorchEmitter,
  global_avg_pool: ((context) => ({ text: `${context.operand(0, 'first')}.mean((2, 3))`, order: 'last' })) satisfies TorchEmitter,
  upsample_nearest: upsampled('nearest'),
  upsample_bilinear: upsampled('bilinear'),
};
