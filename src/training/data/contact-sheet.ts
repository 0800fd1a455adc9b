import { dirname } from 'node:path';
import sharp from 'sharp';
import { userError } from '../../diagnostics/diagnostic.js';
import { makeFolder } from '../../files/make-folder.js';
import { fileReason } from '../../files/reason.js';
import { replaceFile } from '../../files/replace-file.js';
import type { Shape } from '../../ir/types.js';
import { Resampler } from './resample.js';

/** Pixels between images, and the least that an image's sides are shown at. */
const GAP = 2;
const LEAST_SIDE = 64;
/** Pixels of the longer side that larger images are shown at, and about so many of the whole sheet. */
const LONGEST_SIDE = 256;
const MOST_PIXELS = 50_000_000;
const GROUND = 255;

/** The colours of a pixel: grey of one or two channels, the first three of more. */
function colourOf(image: Uint8Array, at: number, channels: number): readonly [number, number, number] {
  const first = image[at]!;
  return channels < 3 ? [first, first, first] : [first, image[at + 1]!, image[at + 2]!];
}

/** Images that are too large for a sheet of so many, made smaller. */
function fitting(rows: readonly (readonly Uint8Array[])[], [height = 0, width = 0, channels = 0]: Shape) {
  const columns = Math.max(1, ...rows.map((row) => row.length));
  const longest = Math.max(1, Math.min(LONGEST_SIDE, Math.floor(Math.sqrt(MOST_PIXELS / (columns * Math.max(1, rows.length))))));
  const share = longest / Math.max(height, width);
  if (share >= 1) return { rows, columns, longest, shape: [height, width, channels] };
  const size = { height: Math.max(1, Math.round(height * share)), width: Math.max(1, Math.round(width * share)) };
  const resampler = new Resampler([height, width, channels], { ...size, fit: 'stretch', filter: 'linear' });
  const smaller = (image: Uint8Array): Uint8Array => {
    const resized = new Uint8Array(size.height * size.width * channels);
    resampler.write(image, resized);
    return resized;
  };
  return { rows: rows.map((row) => row.map(smaller)), columns, longest, shape: [size.height, size.width, channels] };
}

/** Writes rows of images u8 HWC of one shape as a PNG: small ones times a whole factor, large ones shrunk. Throws UserError AMP6213. */
export async function writeContactSheet(path: string, images: readonly (readonly Uint8Array[])[], shape: Shape): Promise<void> {
  const { rows, columns, longest, shape: shown } = fitting(images, shape);
  const [height = 0, width = 0, channels = 0] = shown;
  const factor = Math.max(1, Math.ceil(Math.min(LEAST_SIDE, longest) / Math.max(height, width)));
  const [tall, wide] = [height * factor + GAP, width * factor + GAP];
  const [sheetHeight, sheetWidth] = [rows.length * tall + GAP, columns * wide + GAP];
  const sheet = new Uint8Array(sheetHeight * sheetWidth * 3).fill(GROUND);
  for (const [row, images] of rows.entries())
    for (const [column, image] of images.entries())
      for (let y = 0; y < height * factor; y++)
        for (let x = 0; x < width * factor; x++) {
          const from = (Math.floor(y / factor) * width + Math.floor(x / factor)) * channels;
          sheet.set(colourOf(image, from, channels), ((GAP + row * tall + y) * sheetWidth + GAP + column * wide + x) * 3);
        }
  const png = await sharp(sheet, { raw: { width: sheetWidth, height: sheetHeight, channels: 3 } })
    .png()
    .toBuffer();
  try {
    await makeFolder(dirname(path));
    await replaceFile(path, png);
  } catch (error) {
    throw userError('AMP6213', `cannot write ${path}`, fileReason(error), 'name another file');
  }
}
