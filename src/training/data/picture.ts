import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import sharp, { type Sharp } from 'sharp';
import { DEFAULT_SIZING, type Fit, type ImageSize } from '../../datasets/source.js';
import type { Shape } from '../../ir/types.js';
import { type RawPicture, readPnm } from './pnm.js';
import { decodeSmall, readBmp, SMALL_DECODER } from './small-picture.js';

/** Changes when the pixels of a picture do, whatever the reason: what was decoded before is then decoded again. */
export const DECODER = `3 ${SMALL_DECODER} sharp ${sharp.versions.sharp} vips ${sharp.versions.vips}`;

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

const sharpOf = ({ pixels, shape: [height = 0, width = 0, channels = 0] }: RawPicture): Sharp =>
  sharp(pixels, { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } });

/** Of formats that sharp does not read. Throws an Error, or that of the library, for what is of one and damaged. */
const readOther = (bytes: Uint8Array): RawPicture | undefined => readPnm(bytes) ?? readBmp(bytes);

/** Pixels of a picture across and down, upright, as its header says: of a file by its path, or of its bytes. Undefined: it says none. */
export async function pictureSize(picture: string | Uint8Array): Promise<{ readonly width: number; readonly height: number } | undefined> {
  try {
    return (await sharp(picture).metadata()).autoOrient;
  } catch {
    try {
      const [height, width] = readOther(typeof picture === 'string' ? await readFile(picture) : picture)?.shape ?? [];
      return height === undefined || width === undefined ? undefined : { width, height };
    } catch {
      return undefined;
    }
  }
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
  const raw = readOther(bytes);
  if (raw !== undefined && isDeepStrictEqual(raw.shape, [height, width, channels])) return raw.pixels;
  const small = decodeSmall(bytes, [height, width, channels], { fit, filter });
  if (small !== undefined) return small;
  const whole = raw === undefined ? sharp(bytes).autoOrient() : sharpOf(raw);
  const resized = whole.resize(width, height, { fit: SHARP_FITS[fit], kernel: filter, background: BLACK });
  const data = await inChannels(resized, channels);
  if (data.length !== height * width * channels) throw new Error(`${data.length} bytes for [${height}, ${width}, ${channels}]`);
  return data;
}

/** Pixels u8 HWC of 1 to 4 channels as a PNG. */
export async function encodePng(pixels: Uint8Array, shape: Shape): Promise<Uint8Array> {
  return sharpOf({ pixels, shape }).png().toBuffer();
}
