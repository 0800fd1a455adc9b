import { createRequire } from 'node:module';
import { FastResizeFilter, ResizeFit, Transformer } from '@napi-rs/image';
import type { Filter, Fit } from '../../datasets/source.js';
import type { Shape } from '../../ir/types.js';
import { type Placing, placing } from './placing.js';
import { plainPicture } from './plain-picture.js';
import type { RawPicture } from './pnm.js';

const { version } = createRequire(import.meta.url)('@napi-rs/image/package.json') as { readonly version: string };

export const SMALL_DECODER = `@napi-rs/image ${version}`;

/**
 * Pixels of a picture up to which this library is faster than sharp, which has its own way of shrinking large ones and takes a
 * millisecond for any (docs/benchmarks.md has the times).
 */
const MOST_PIXELS = 400 * 400;

/** The same kernels by the library's names; `undefined`: it has none. */
const FILTERS = {
  nearest: undefined,
  linear: FastResizeFilter.Bilinear,
  cubic: FastResizeFilter.CatmullRom,
  mitchell: FastResizeFilter.Mitchell,
  lanczos2: undefined,
  lanczos3: FastResizeFilter.Lanczos3,
} as const satisfies Record<Filter, FastResizeFilter | undefined>;

/** How a BMP begins: with its letters, and some bytes later the size of its header. */
function isBmp(bytes: Uint8Array): boolean {
  return bytes.length > 26 && bytes[0] === 0x42 && bytes[1] === 0x4d && [12, 40, 52, 56, 108, 124].includes(bytes[14]!);
}

/** The pixels of a BMP, which sharp does not read; undefined for bytes of another format. Throws the library's Error for damaged ones. */
export function readBmp(bytes: Uint8Array): RawPicture | undefined {
  if (!isBmp(bytes)) return undefined;
  const picture = new Transformer(bytes);
  const { width, height } = picture.metadataSync();
  const pixels = picture.rawPixelsSync();
  return { pixels, shape: [height, width, pixels.length / (width * height)] };
}

/** Pixels HWC of 1 (grey) or 3 channels as `to` channels: grey is all three colours alike, and nothing is transparent. */
function inChannels(pixels: Uint8Array, from: number, to: number): Uint8Array {
  if (from === to) return pixels;
  const count = pixels.length / from;
  const result = new Uint8Array(count * to).fill(255);
  const shown = to < 3 ? 1 : 3;
  for (let pixel = 0; pixel < count; pixel++)
    for (let channel = 0; channel < shown; channel++) result[pixel * to + channel] = pixels[pixel * from + (from === 1 ? 0 : channel)]!;
  return result;
}

/** Pixels that lie within a black ground. */
function onBlack(pixels: Uint8Array, { width, height, left, top }: Placing, [tall = 0, wide = 0, channels = 0]: Shape): Uint8Array {
  const all = new Uint8Array(tall * wide * channels);
  if (channels % 2 === 0) for (let at = channels - 1; at < all.length; at += channels) all[at] = 255;
  for (let y = 0; y < height; y++)
    all.set(pixels.subarray(y * width * channels, (y + 1) * width * channels), ((top + y) * wide + left) * channels);
  return all;
}

/**
 * The pixels of a small plain picture as u8 HWC of `shape`; undefined for every other one, and where it would grow or colours become grey.
 * Throws the library's Error for what is damaged.
 */
export function decodeSmall(
  bytes: Uint8Array,
  shape: readonly [height: number, width: number, channels: number],
  { fit, filter: named }: { readonly fit: Fit; readonly filter: Filter },
): Uint8Array | undefined {
  const [height, width, channels] = shape;
  const plain = plainPicture(bytes);
  if (plain === undefined || plain.width * plain.height > MOST_PIXELS || (channels < 3 && !plain.isGrey)) return undefined;
  const picture = new Transformer(bytes);
  if (plain.width === width && plain.height === height) {
    const pixels = picture.rawPixelsSync();
    return inChannels(pixels, pixels.length / (width * height), channels);
  }
  const filter = FILTERS[named];
  if (filter === undefined) return undefined;
  const place = placing(fit, [plain.height, plain.width], [height, width]);
  // Where a picture grows, sharp's kernels are others.
  if (place.width > plain.width || place.height > plain.height) return undefined;
  picture.fastResize({ width: place.width, height: place.height, filter, fit: ResizeFit.Fill });
  const isCut = place.width > width || place.height > height;
  if (isCut) picture.crop(-place.left, -place.top, width, height);
  const pixels = picture.rawPixelsSync();
  const made = isCut ? width * height : place.width * place.height;
  const converted = inChannels(pixels, pixels.length / made, channels);
  return isCut || made === width * height ? converted : onBlack(converted, place, shape);
}
