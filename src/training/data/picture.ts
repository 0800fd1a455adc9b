import sharp, { type Sharp } from 'sharp';
import { DEFAULT_SIZING, type Fit, type ImageSize } from '../../datasets/source.js';
import type { Shape } from '../../ir/types.js';
import { decodeSmall, SMALL_DECODER } from './small-picture.js';

/** Changes when the pixels of a picture do, whatever the reason: what was decoded before is then decoded again. */
export const DECODER = `2 ${SMALL_DECODER} sharp ${sharp.versions.sharp} vips ${sharp.versions.vips}`;

/** Each picture is decoded on one thread, several at a time. */
sharp.concurrency(1);

const SHARP_FITS = { crop: 'cover', pad: 'contain', stretch: 'fill' } as const satisfies Record<Fit, string>;

const BLACK = { r: 0, g: 0, b: 0, alpha: 1 };

/** 8 bits a channel of what is left of transparency: none, where transparent parts are on white. */
async function bytesOf(picture: Sharp, space: 'b-w' | 'srgb'): Promise<Uint8Array> {
  const { data } = await picture.toColourspace(space).raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return data;
}

async function inChannels(picture: Sharp, channels: number): Promise<Uint8Array> {
  const opaque = (): Sharp => picture.clone().flatten({ background: '#ffffff' });
  switch (channels) {
    case 1:
      return bytesOf(opaque(), 'b-w');
    case 2: {
      // sharp gives grey pictures no second channel.
      const colour = await bytesOf(picture.clone().ensureAlpha(), 'srgb');
      const grey = await bytesOf(picture.clone().removeAlpha(), 'b-w');
      return Uint8Array.from({ length: 2 * grey.length }, (_, at) => (at % 2 === 0 ? grey[at / 2]! : colour[2 * at + 1]!));
    }
    case 3:
      return bytesOf(opaque(), 'srgb');
    case 4:
      return bytesOf(picture.ensureAlpha(), 'srgb');
    default:
      throw new Error(`pictures have no ${channels} channels`);
  }
}

/** Pixels u8 HWC of 1 to 4 channels at another size. */
export async function resizePixels(pixels: Uint8Array, [height = 0, width = 0, channels = 0]: Shape, size: ImageSize): Promise<Uint8Array> {
  const picture = sharp(pixels, { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } });
  const resized = picture.resize(size.width, size.height, { fit: SHARP_FITS[size.fit], kernel: size.filter, background: BLACK });
  return inChannels(resized, channels);
}

/**
 * The pixels of an encoded picture as u8 HWC of `shape` (grey or colour, each without or with transparency): its first frame, turned
 * upright as its EXIF orientation says, in sRGB or grey, resized as `size` says. Throws the Error of the library for what it cannot read.
 */
export async function decodePicture(
  bytes: Uint8Array,
  [height = 0, width = 0, channels = 0]: Shape,
  size?: ImageSize,
): Promise<Uint8Array> {
  if (bytes.length === 0) throw new Error('the file is empty');
  const { fit, filter } = size ?? DEFAULT_SIZING;
  const small = decodeSmall(bytes, [height, width, channels], { fit, filter });
  if (small !== undefined) return small;
  const resized = sharp(bytes).autoOrient().resize(width, height, { fit: SHARP_FITS[fit], kernel: filter, background: BLACK });
  const data = await inChannels(resized, channels);
  if (data.length !== height * width * channels) throw new Error(`${data.length} bytes for [${height}, ${width}, ${channels}]`);
  return data;
}

/** Pixels u8 HWC of 1 to 4 channels as a PNG. */
export async function encodePng(pixels: Uint8Array, [height = 0, width = 0, channels = 0]: Shape): Promise<Uint8Array> {
  return sharp(pixels, { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } })
    .png()
    .toBuffer();
}
