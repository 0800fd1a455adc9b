import { readFile } from 'node:fs/promises';
import { userError } from '../../diagnostics/diagnostic.js';
import type { ImageSet } from './dataset.js';

/** CIFAR-10's binary format: one label byte, then 1,024 red, 1,024 green and 1,024 blue bytes, row by row. */
export const SIDE = 32;
export const PLANE = SIDE * SIDE;
export const CHANNELS = 3;
export const IMAGE_BYTES = PLANE * CHANNELS;
export const RECORD_BYTES = IMAGE_BYTES + 1;

function interleave(records: Uint8Array, from: number, images: Uint8Array, to: number): void {
  let red = from;
  for (let out = to; out < to + IMAGE_BYTES; out += CHANNELS, red++) {
    images[out] = records[red] as number;
    images[out + 1] = records[red + PLANE] as number;
    images[out + 2] = records[red + 2 * PLANE] as number;
  }
}

/** Records to NHWC images. `source` names the bytes in errors: UserError AMP7003 for a bad size, AMP7004 for a label out of range. */
export function decodeRecords(records: Uint8Array, classes: number, source: string): ImageSet {
  const count = Math.floor(records.length / RECORD_BYTES);
  if (count === 0 || records.length % RECORD_BYTES !== 0) {
    throw userError(
      'AMP7003',
      `${source} has ${records.length} bytes, not a whole number of images`,
      `Each image takes ${RECORD_BYTES} bytes: a label and ${SIDE}x${SIDE}x${CHANNELS} pixels; the file was probably cut short.`,
      "Remove the folder and run 'ampc data fetch cifar10', or name another folder with --data.",
    );
  }
  const images = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Uint8Array(count);
  for (let index = 0; index < count; index++) {
    const at = index * RECORD_BYTES;
    const label = records[at] as number;
    if (label >= classes) {
      throw userError(
        'AMP7004',
        `${source}: image ${index} has label ${label}`,
        `Labels go from 0 to ${classes - 1}; the file is damaged or in another format (CIFAR-100, the Python version).`,
        "Remove the folder and run 'ampc data fetch cifar10', or name another folder with --data.",
      );
    }
    labels[index] = label;
    interleave(records, at + 1, images, index * IMAGE_BYTES);
  }
  return { images, labels, count, shape: [SIDE, SIDE, CHANNELS] };
}

/** Images `from` (inclusive) to `to` (exclusive) of a 32x32 colour set as records. */
export function encodeRecords(set: ImageSet, from = 0, to = set.count): Uint8Array {
  const records = new Uint8Array((to - from) * RECORD_BYTES);
  for (let index = from; index < to; index++) {
    const at = (index - from) * RECORD_BYTES;
    records[at] = set.labels[index] as number;
    for (let pixel = 0; pixel < PLANE; pixel++) {
      for (let channel = 0; channel < CHANNELS; channel++) {
        records[at + 1 + channel * PLANE + pixel] = set.images[index * IMAGE_BYTES + pixel * CHANNELS + channel] as number;
      }
    }
  }
  return records;
}

export async function readRecords(path: string, classes: number): Promise<ImageSet> {
  return decodeRecords(await readFile(path), classes, path);
}
