import { dirname } from 'node:path';
import sharp from 'sharp';
import { userError } from '../../diagnostics/diagnostic.js';
import { makeFolder } from '../../files/make-folder.js';
import { fileReason } from '../../files/reason.js';
import { replaceFile } from '../../files/replace-file.js';
import type { Shape } from '../../ir/types.js';

/** Pixels between images, and the least that an image's sides are shown at. */
const GAP = 2;
const LEAST_SIDE = 64;
const GROUND = 255;

/** The colours of a pixel: grey of one or two channels, the first three of more. */
function colourOf(image: Uint8Array, at: number, channels: number): readonly [number, number, number] {
  const first = image[at]!;
  return channels < 3 ? [first, first, first] : [first, image[at + 1]!, image[at + 2]!];
}

/** Writes rows of images u8 HWC of one shape as a PNG, small ones enlarged by whole factors. Throws UserError AMP6213. */
export async function writeContactSheet(path: string, rows: readonly (readonly Uint8Array[])[], shape: Shape): Promise<void> {
  const [height = 0, width = 0, channels = 0] = shape;
  const factor = Math.max(1, Math.ceil(LEAST_SIDE / Math.max(height, width)));
  const [tall, wide] = [height * factor + GAP, width * factor + GAP];
  const columns = Math.max(1, ...rows.map((row) => row.length));
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
