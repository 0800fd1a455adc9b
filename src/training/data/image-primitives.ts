import type { ImageRow, Primitive } from '../../datasets/image-ops.js';

/** An image that is changed, u8 HWC. */
export interface Canvas {
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** A byte for each channel, in the place of what is not there. */
  readonly blank: Uint8Array;
  /** Two numbers of 16 bits, for places. */
  readonly down: number;
  readonly right: number;
}

type Change = (canvas: Canvas, numbers: readonly number[]) => void;

const clamp = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

/** (value - base) times a factor in 1/65536, from the base on. */
const blend = (base: number, value: number, factor: number): number => clamp(base + Math.floor(((value - base) * factor + 32768) / 65536));

/** Luma of ITU-R 601, in whole numbers as Pillow has it. */
const grey = (pixels: Uint8Array, at: number): number =>
  (pixels[at]! * 19595 + pixels[at + 1]! * 38470 + pixels[at + 2]! * 7471 + 32768) >>> 16;

const mapped =
  (map: (value: number, numbers: readonly number[]) => number): Change =>
  ({ pixels }, numbers) => {
    for (let at = 0; at < pixels.length; at++) pixels[at] = map(pixels[at]!, numbers);
  };

/** Each channel through a table of 256 values that its histogram gives; undefined leaves it as it is. */
const byHistogram =
  (table: (counts: Uint32Array) => Uint8Array | undefined): Change =>
  ({ pixels, channels }) => {
    for (let channel = 0; channel < channels; channel++) {
      const counts = new Uint32Array(256);
      for (let at = channel; at < pixels.length; at += channels) counts[pixels[at]!]!++;
      const values = table(counts);
      if (values === undefined) continue;
      for (let at = channel; at < pixels.length; at += channels) pixels[at] = values[pixels[at]!]!;
    }
  };

function stretched(counts: Uint32Array): Uint8Array | undefined {
  const [low, high] = [counts.findIndex((count) => count > 0), counts.findLastIndex((count) => count > 0)];
  if (low >= high) return undefined;
  return Uint8Array.from({ length: 256 }, (_, value) => clamp(Math.floor(((value - low) * 255) / (high - low))));
}

/** As Pillow: the step is what lies below the brightest value, in 255 parts. */
function equalized(counts: Uint32Array): Uint8Array | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const step = Math.floor((total - counts[counts.findLastIndex((count) => count > 0)]!) / 255);
  if (step === 0) return undefined;
  let below = step >>> 1;
  return Uint8Array.from(counts, (count) => {
    const value = clamp(Math.floor(below / step));
    below += count;
    return value;
  });
}

/** Bilinear, at places in 1/65536 of a pixel, with weights of 8 bits; `outside` gives what is not in the image. */
function sample(from: Uint8Array, { height, width, channels, blank }: Canvas, x: number, y: number, channel: number): number {
  const [left, top] = [Math.floor(x / 65536), Math.floor(y / 65536)];
  const [fx, fy] = [Math.floor((x - left * 65536) / 256), Math.floor((y - top * 65536) / 256)];
  const at = (row: number, column: number): number =>
    row < 0 || row >= height || column < 0 || column >= width ? blank[channel]! : from[(row * width + column) * channels + channel]!;
  const upper = at(top, left) * (256 - fx) + at(top, left + 1) * fx;
  const lower = at(top + 1, left) * (256 - fx) + at(top + 1, left + 1) * fx;
  return (upper * (256 - fy) + lower * fy + 32768) >>> 16;
}

const affine: Change = (canvas, [a = 0, b = 0, tx = 0, c = 0, d = 0, ty = 0]) => {
  const { pixels, height, width, channels } = canvas;
  const from = pixels.slice();
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      // From the centre, in halves of a pixel.
      const [u, v] = [2 * x - (width - 1), 2 * y - (height - 1)];
      const column = (width - 1) * 32768 + Math.floor((a * u + b * v) / 2) + tx;
      const row = (height - 1) * 32768 + Math.floor((c * u + d * v) / 2) + ty;
      for (let channel = 0; channel < channels; channel++) pixels[to++] = sample(from, canvas, column, row, channel);
    }
};

const window: Change = (canvas, [rows = 0, columns = 0]) => {
  const { pixels, height, width, channels, down, right } = canvas;
  const from = pixels.slice();
  const [top, left] = [Math.floor((down * (height - rows + 1)) / 65536), Math.floor((right * (width - columns + 1)) / 65536)];
  const within = (place: number, size: number): number => Math.min((size - 1) * 65536, Math.max(0, place));
  const placeOf = (at: number, size: number, of: number): number => within(Math.floor(((2 * at + 1) * size * 32768) / of) - 32768, size);
  for (let y = 0, to = 0; y < height; y++) {
    const row = top * 65536 + placeOf(y, rows, height);
    for (let x = 0; x < width; x++) {
      const column = left * 65536 + placeOf(x, columns, width);
      for (let channel = 0; channel < channels; channel++) pixels[to++] = sample(from, canvas, column, row, channel);
    }
  }
};

/** Blanks what of a rectangle lies within the image. */
function erase({ pixels, height, width, channels, blank }: Canvas, top: number, left: number, rows: number, columns: number): void {
  for (let y = Math.max(0, top); y < Math.min(height, top + rows); y++)
    for (let x = Math.max(0, left); x < Math.min(width, left + columns); x++)
      for (let channel = 0; channel < channels; channel++) pixels[(y * width + x) * channels + channel] = blank[channel]!;
}

/**
 * A colour whose hue is turned, in 1/65536 of a sixth of HSV's circle: torchvision's adjust_hue of tensors, without the rounding of hue,
 * saturation and value to bytes that Pillow's has. Places on the circle are in 1/65536 of a sixth times the chroma, which nothing divides.
 */
function turnedHue(r: number, g: number, b: number, turn: number): readonly [number, number, number] {
  const [high, low] = [Math.max(r, g, b), Math.min(r, g, b)];
  const chroma = high - low;
  if (chroma === 0) return [r, g, b];
  const sixth = chroma * 65536;
  const place = high === r ? g - b : high === g ? 2 * chroma + b - r : 4 * chroma + r - g;
  const turned = (place * 65536 + turn * chroma + 6 * sixth) % (6 * sixth);
  const rest = turned % sixth;
  const rising = low + ((rest + 32768) >> 16);
  const falling = (high * 65536 - rest + 32768) >> 16;
  const colours = [
    [high, rising, low],
    [falling, high, low],
    [low, high, rising],
    [low, falling, high],
    [rising, low, high],
    [high, low, falling],
  ] as const;
  return colours[Math.floor(turned / sixth)]!;
}

/** Only images of three channels have colours. */
const ofColour =
  (change: Change): Change =>
  (canvas, numbers) => {
    if (canvas.channels === 3) change(canvas, numbers);
  };

const CHANGES: Readonly<Record<Primitive, Change>> = {
  identity: () => undefined,
  affine,
  brightness: mapped((value, [factor = 0]) => blend(0, value, factor)),
  contrast: ({ pixels, channels }, [factor = 0]) => {
    let sum = 0;
    if (channels === 3) for (let at = 0; at < pixels.length; at += 3) sum += grey(pixels, at);
    else for (const value of pixels) sum += value;
    const count = channels === 3 ? pixels.length / 3 : pixels.length;
    const mean = Math.floor((2 * sum + count) / (2 * count));
    for (let at = 0; at < pixels.length; at++) pixels[at] = blend(mean, pixels[at]!, factor);
  },
  saturation: ofColour(({ pixels }, [factor = 0]) => {
    for (let at = 0; at < pixels.length; at += 3) {
      const base = grey(pixels, at);
      for (let channel = 0; channel < 3; channel++) pixels[at + channel] = blend(base, pixels[at + channel]!, factor);
    }
  }),
  sharpness: ({ pixels, height, width, channels }, [factor = 0]) => {
    const from = pixels.slice();
    const line = width * channels;
    for (let y = 1; y < height - 1; y++)
      for (let at = y * line + channels; at < (y + 1) * line - channels; at++) {
        let sum = 4 * from[at]!;
        for (const row of [at - line, at, at + line]) sum += from[row - channels]! + from[row]! + from[row + channels]!;
        pixels[at] = blend(Math.floor((2 * sum + 13) / 26), from[at]!, factor);
      }
  },
  hue: ofColour(({ pixels }, [turn = 0]) => {
    for (let at = 0; at < pixels.length; at += 3) pixels.set(turnedHue(pixels[at]!, pixels[at + 1]!, pixels[at + 2]!, turn), at);
  }),
  posterize: mapped((value, [mask = 0]) => value & mask),
  solarize: mapped((value, [from = 0]) => (value >= from ? 255 - value : value)),
  autocontrast: byHistogram(stretched),
  equalize: byHistogram(equalized),
  grayscale: ofColour(({ pixels }) => {
    for (let at = 0; at < pixels.length; at += 3) pixels.fill(grey(pixels, at), at, at + 3);
  }),
  erase: (canvas, [rows = 0, columns = 0]) => {
    const { height, width, down, right } = canvas;
    erase(canvas, Math.floor((down * (height - rows + 1)) / 65536), Math.floor((right * (width - columns + 1)) / 65536), rows, columns);
  },
  cutout: (canvas, [side = 0]) => {
    const { height, width, down, right } = canvas;
    const [y, x] = [Math.floor((down * height) / 65536), Math.floor((right * width) / 65536)];
    erase(canvas, y - (side >> 1), x - (side >> 1), side, side);
  },
  window,
};

/** Changes an image as a row says: what `apply_row` in src/codegen/c/image-ops.ts does, to the bit. */
export function applyRow(canvas: Canvas, { primitive, numbers }: ImageRow): void {
  CHANGES[primitive](canvas, numbers);
}
