import { type AmpBuilder, pairText } from './builder.js';
import { type Window, windowOf } from './contractions.js';
import type { NodeView } from './node.js';
import { refuse } from './tensors.js';
import { IMAGE_PLACES, layerAxis, type Value } from './values.js';

function outputs(image: Value, { kernel, stride, dilation }: Window, padding: readonly number[], ceil: boolean): readonly number[] {
  const sizes = [0, 1].map((axis) => {
    const size = image.shape[axis + 2]!;
    const room = size + 2 * padding[axis]! - (kernel[axis]! - 1) * dilation[axis]! - 1;
    const count = (ceil ? Math.ceil : Math.floor)(room / stride[axis]!) + 1;
    // A last window begins within the image or the padding before it.
    return ceil && (count - 1) * stride[axis]! >= size + padding[axis]! ? count - 1 : count;
  });
  return [image.shape[0]!, image.shape[1]!, ...sizes];
}

/**
 * Whether as much padding on opposite sides gives windows at the same places, and whether the last then reaches beyond it, where it may.
 */
function evenForm(image: Value, window: Window, mayReach: boolean): { readonly ceil: boolean } | undefined {
  const { kernel, stride, pads } = window;
  const found = [0, 1].map(
    (axis) => Math.floor((image.shape[axis + 2]! + pads[axis]! + pads[axis + 2]! - kernel[axis]!) / stride[axis]!) + 1,
  );
  const fits = (ceil: boolean) =>
    outputs(image, window, pads.slice(0, 2), ceil)
      .slice(2)
      .every((size, axis) => size === found[axis]);
  return (mayReach ? [false, true] : [false]).map((ceil) => ({ ceil })).find(({ ceil }) => fits(ceil));
}

function sameOutputs(image: Value, { stride }: Window): readonly number[] {
  return [...image.shape.slice(0, 2), ...stride.map((step, axis) => Math.ceil(image.shape[axis + 2]! / step))];
}

/** Whether the padding is what the word `same` means: the odd cell at the bottom and right. */
function isSame(image: Value, { kernel, stride, pads }: Window): boolean {
  return [0, 1].every((axis) => {
    const size = image.shape[axis + 2]!;
    const total = Math.max(0, (Math.ceil(size / stride[axis]!) - 1) * stride[axis]! + kernel[axis]! - size);
    return pads[axis] === Math.floor(total / 2) && pads[axis + 2] === total - pads[axis]!;
  });
}

function pool(builder: AmpBuilder, node: NodeView, layer: string, more: (window: Window) => readonly string[]): Value {
  const image = builder.image(node.value());
  const window = windowOf(node, node.ints('kernel_shape') ?? [], image);
  const [top, left, bottom, right] = window.pads as [number, number, number, number];
  const padding = [top, left];
  const isAlike = top === bottom && left === right;
  // A mean over windows that reach beyond counts cells that are padding here, and none in the other form.
  const counts = layer !== 'max_pool2d' && node.int('count_include_pad', 0) === 1;
  const even = isAlike ? undefined : evenForm(image, window, !counts);
  const ceil = node.int('ceil_mode', 0) === 1 || even?.ceil === true;
  if (window.dilation.some((step) => step !== 1))
    return refuse(`its window has a dilation of ${pairText(window.dilation)}, and those of ${layer} have none`);
  const isEven = isAlike || even !== undefined;
  if (!isEven && !isSame(image, window)) return refuse(`opposite sides have other padding, and those of ${layer} are alike`);
  const args = [
    pairText(window.kernel),
    ...(window.stride.every((step, axis) => step === window.kernel[axis]) ? [] : [`stride: ${pairText(window.stride)}`]),
    ...(isEven ? (padding.every((size) => size === 0) ? [] : [`padding: ${pairText(padding)}`]) : ['padding: same']),
    ...(ceil ? ['ceil_mode: true'] : []),
    ...more(window),
  ];
  const shape = isEven ? outputs(image, window, padding, ceil) : sameOutputs(image, window);
  return builder.stage(image, layer, args, { shape, places: IMAGE_PLACES });
}

export function maxPool(builder: AmpBuilder, node: NodeView): Value {
  if ((node.node.output ?? []).filter((name) => name !== '').length > 1) return refuse('the places of its largest values are asked for');
  return pool(builder, node, 'max_pool2d', () => []);
}

export function avgPool(builder: AmpBuilder, node: NodeView): Value {
  const counts = node.int('count_include_pad', 0) === 1;
  const unequal = ({ pads }: Window) => pads.some((size) => size !== 0);
  return pool(builder, node, 'avg_pool2d', (window) => (!counts && unequal(window) ? ['count_include_pad: false'] : []));
}

/** [batch, channels, 1, 1], of which ampc has [batch, channels]. */
export const globalPool =
  (layer: string) =>
  (builder: AmpBuilder, node: NodeView): Value => {
    const image = builder.image(node.value());
    return builder.stage(image, layer, [], { shape: [...image.shape.slice(0, 2), 1, 1], places: [0, 1, -1, -1] });
  };

/** Means, sums and largest values along axes. */
export const reduce =
  (layer: 'mean' | 'sum' | 'max') =>
  (builder: AmpBuilder, node: NodeView): Value => {
    const value = node.value().flat === undefined ? node.value() : builder.plain(node.value());
    const rank = value.shape.length;
    const given = node.numbers(1, 'axes') ?? value.shape.map((_, axis) => axis).slice(1);
    const axes = given.map((axis) => (axis < 0 ? axis + rank : axis));
    const keeps = node.int('keepdims', 1) === 1;
    const real = axes.filter((axis) => value.places[axis]! >= 0);
    const gone = new Set(real.map((axis) => value.places[axis]!));
    const moved = (place: number) => (place < 0 || gone.has(place) ? -1 : place - [...gone].filter((other) => other < place).length);
    const kept = value.shape.map((_, axis) => axis).filter((axis) => keeps || !axes.includes(axis));
    const shape = kept.map((axis) => (axes.includes(axis) ? 1 : value.shape[axis]!));
    const result = { shape, places: kept.map((axis) => moved(value.places[axis]!)) };
    if (real.length === 0) return { ...value, ...result };
    const numbers = real.map((axis) => layerAxis(value, axis)).sort((a, b) => a - b);
    const isWhole = rank === 4 && numbers.length === 2 && numbers[0] === 0 && numbers[1] === 1 && value.places[1] === 3;
    if (isWhole && layer !== 'sum') return builder.stage(value, layer === 'mean' ? 'global_avg_pool' : 'global_max_pool', [], result);
    return builder.stage(value, layer, [numbers.length === 1 ? String(numbers[0]) : `[${numbers.join(', ')}]`], result);
  };
