import type { Filter, ImageSize } from '../../datasets/source.js';
import type { Shape } from '../../ir/types.js';
import { placing } from './placing.js';

/** A kernel, 0 from `support` on. */
interface Kernel {
  readonly support: number;
  readonly at: (distance: number) => number;
}

/** Piecewise cubics by two parameters: Mitchell and Netravali, Reconstruction filters in computer graphics, 1988. */
function cubic(b: number, c: number): Kernel {
  const at = (distance: number): number => {
    const x = Math.abs(distance);
    if (x < 1) return ((12 - 9 * b - 6 * c) * x ** 3 + (-18 + 12 * b + 6 * c) * x ** 2 + 6 - 2 * b) / 6;
    if (x < 2) return ((-b - 6 * c) * x ** 3 + (6 * b + 30 * c) * x ** 2 - (12 * b + 48 * c) * x + 8 * b + 24 * c) / 6;
    return 0;
  };
  return { support: 2, at };
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const lanczos = (lobes: number): Kernel => ({ support: lobes, at: (x) => (Math.abs(x) < lobes ? sinc(x) * sinc(x / lobes) : 0) });

/** `undefined`: the nearest pixel, whatever the scale. */
const KERNELS = {
  nearest: undefined,
  linear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  cubic: cubic(0, 0.5),
  mitchell: cubic(1 / 3, 1 / 3),
  lanczos2: lanczos(2),
  lanczos3: lanczos(3),
} as const satisfies Record<Filter, Kernel | undefined>;

/** Bits behind the point of a weight: sums of a row of bytes then fit 32. */
const BITS = 22;

/** What each place of an axis is made of: so many places of the other one, from `first` on, and their weights. */
interface Axis {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `taps` of each place. */
  readonly weights: Int32Array;
  readonly taps: number;
}

/** Places `start` to `start + count - 1` of an axis of `from` places that becomes one of `to`, as Pillow 12 weighs them. */
function axisOf(filter: Filter, from: number, to: number, start: number, count: number): Axis {
  const kernel: Kernel | undefined = KERNELS[filter];
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const support = (kernel?.support ?? 0) * stretch;
  const taps = 2 * Math.ceil(support) + 1;
  const axis = { first: new Int32Array(count), count: new Int32Array(count), weights: new Int32Array(count * taps), taps };
  for (let place = 0; place < count; place++) {
    const centre = (start + place + 0.5) * scale;
    const low = kernel === undefined ? Math.floor(centre) : Math.max(0, Math.trunc(centre - support + 0.5));
    const high = kernel === undefined ? low + 1 : Math.min(from, Math.trunc(centre + support + 0.5));
    const weights = Array.from({ length: high - low }, (_, at) => kernel?.at((at + low - centre + 0.5) / stretch) ?? 1);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    axis.first[place] = low;
    axis.count[place] = high - low;
    // Halves away from zero.
    for (const [at, weight] of weights.entries()) {
      const whole = Math.round(Math.abs((weight / sum) * 2 ** BITS));
      axis.weights[place * taps + at] = weight < 0 ? -whole : whole;
    }
  }
  return axis;
}

/** The pass within rows, of which there are `lines` of `line` elements. */
function resampleAlong(from: Uint8Array, to: Uint8Array, axis: Axis, channels: number, lines: number, line: number): void {
  const { first, count, weights, taps } = axis;
  const places = first.length;
  for (let y = 0, out = 0; y < lines; y++)
    for (let x = 0; x < places; x++) {
      const start = y * line + first[x]! * channels;
      for (let channel = 0; channel < channels; channel++) {
        let sum = 1 << (BITS - 1);
        let at = start + channel;
        for (let tap = x * taps, end = tap + count[x]!; tap < end; tap++, at += channels)
          sum = (sum + Math.imul(weights[tap]!, from[at]!)) | 0;
        to[out++] = sum < 0 ? 0 : Math.min(255, sum >> BITS);
      }
    }
}

/** The other pass, over rows of `line` elements, two of which are weighed at a time: a last one without a second counts for nothing. */
function resampleDown(from: Uint8Array, to: Uint8Array, axis: Axis, line: number, sums: Int32Array): void {
  const { first, count, weights, taps } = axis;
  for (let y = 0, out = 0; y < first.length; y++) {
    sums.fill(1 << (BITS - 1));
    for (let tap = 0; tap < count[y]!; tap += 2) {
      const isLast = tap + 1 === count[y]!;
      const weight = weights[y * taps + tap]!;
      const second = isLast ? 0 : weights[y * taps + tap + 1]!;
      const start = (first[y]! + tap) * line;
      const next = isLast ? start : start + line;
      for (let x = 0; x < line; x++) sums[x] = (sums[x]! + Math.imul(weight, from[start + x]!) + Math.imul(second, from[next + x]!)) | 0;
    }
    for (let x = 0; x < line; x++) to[out++] = sums[x]! < 0 ? 0 : Math.min(255, sums[x]! >> BITS);
  }
}

/**
 * Brings images u8 HWC of `from`, of any number of channels, to another size: each axis by itself, columns first, rounded to bytes in
 * between, with the kernel as wide as pixels become small. To the bit what Pillow makes for the kernels that it has. Around what does not
 * fill the size is 0.
 */
export class Resampler {
  readonly shape: readonly [height: number, width: number, channels: number];
  private readonly across: Axis;
  private readonly down: Axis;
  /** Rows that are read, and what the first pass makes of them. */
  private readonly rows: readonly [first: number, count: number];
  private readonly between: Uint8Array;
  /** What is made, and where it comes to lie. */
  private readonly made: Uint8Array;
  private readonly at: readonly [top: number, left: number];
  private readonly sums: Int32Array;

  constructor(
    private readonly from: Shape,
    { height, width, fit, filter }: ImageSize,
  ) {
    const [fromHeight = 0, fromWidth = 0, channels = 0] = from;
    this.shape = [height, width, channels];
    const place = placing(fit, [fromHeight, fromWidth], [height, width]);
    const [columns, rows] = [Math.min(width, place.width), Math.min(height, place.height)];
    this.across = axisOf(filter, fromWidth, place.width, Math.max(0, -place.left), columns);
    const down = axisOf(filter, fromHeight, place.height, Math.max(0, -place.top), rows);
    const first = down.first[0]!;
    this.rows = [first, down.first.at(-1)! + down.count.at(-1)! - first];
    this.down = { ...down, first: down.first.map((row) => row - first) };
    this.between = new Uint8Array(this.rows[1] * columns * channels);
    this.made = new Uint8Array(rows * columns * channels);
    this.at = [Math.max(0, place.top), Math.max(0, place.left)];
    this.sums = new Int32Array(columns * channels);
  }

  /** Writes one image of the new size. */
  write(pixels: Uint8Array, to: Uint8Array): void {
    const [, fromWidth = 0] = this.from;
    const [, width, channels] = this.shape;
    const { across, down, between, made, sums } = this;
    const [first, rows] = this.rows;
    const line = fromWidth * channels;
    resampleAlong(pixels.subarray(first * line), between, across, channels, rows, line);
    if (made.length === to.length) {
      resampleDown(between, to, down, sums.length, sums);
      return;
    }
    resampleDown(between, made, down, sums.length, sums);
    const [top, left] = this.at;
    to.fill(0);
    for (let y = 0; y < down.first.length; y++)
      to.set(made.subarray(y * sums.length, (y + 1) * sums.length), ((top + y) * width + left) * channels);
  }
}
