import { readFile } from 'node:fs/promises';
import { userError } from '../../diagnostics/diagnostic.js';
import { fileSize, reading } from '../../files/system-error.js';
import type { ImageSet } from './dataset.js';

/** CIFAR-10's binary format: one label byte, then 1,024 red, 1,024 green and 1,024 blue bytes, row by row. */
export const SIDE = 32;
export const PLANE = SIDE * SIDE;
export const CHANNELS = 3;
export const IMAGE_BYTES = PLANE * CHANNELS;
export const RECORD_BYTES = IMAGE_BYTES + 1;

/** Planar to interleaved, four pixels (three little-endian words) at a time; `to` is a multiple of four. */
function interleave(records: Uint8Array, from: number, words: Uint32Array, to: number): void {
  let red = from;
  for (let out = to >>> 2; out < (to + IMAGE_BYTES) >>> 2; out += 3, red += 4) {
    const green = red + PLANE;
    const blue = green + PLANE;
    words[out] = records[red] | (records[green] << 8) | (records[blue] << 16) | (records[red + 1] << 24);
    words[out + 1] = records[green + 1] | (records[blue + 1] << 8) | (records[red + 2] << 16) | (records[green + 2] << 24);
    words[out + 2] = records[blue + 2] | (records[red + 3] << 8) | (records[green + 3] << 16) | (records[blue + 3] << 24);
  }
}

/** An image set with room for `count` images. */
export function emptyImageSet(count: number): ImageSet {
  return { images: new Uint8Array(count * IMAGE_BYTES), labels: new Int32Array(count), count, shape: [SIDE, SIDE, CHANNELS] };
}

const REFETCH = 'name another folder with --data, or move this one away and run `ampc data fetch`';

/** Number of records in `bytes` bytes. `source` names the file in UserError AMP7003 for a size that is no number of records. */
export function recordCount(bytes: number, source: string): number {
  if (bytes > 0 && bytes % RECORD_BYTES === 0) return bytes / RECORD_BYTES;
  throw userError(
    'AMP7003',
    `${source} has ${bytes} bytes, not a whole number of images`,
    `each image takes ${RECORD_BYTES} bytes: a label and ${SIDE}x${SIDE}x${CHANNELS} pixels; the file was probably cut short`,
    REFETCH,
  );
}

/**
 * Writes records as images `first` and following of `set` and returns how many there were.
 * Throws UserError AMP7003 for a bad size, AMP7004 for a label that is not below `classes`.
 */
export function decodeRecords(records: Uint8Array, classes: number, source: string, set: ImageSet, first: number): number {
  const count = recordCount(records.length, source);
  const words = new Uint32Array(set.images.buffer, set.images.byteOffset, set.images.length >>> 2);
  for (let index = 0; index < count; index++) {
    const at = index * RECORD_BYTES;
    const label = records[at];
    if (label >= classes) {
      throw userError(
        'AMP7004',
        `${source}: image ${index} has label ${label}`,
        `labels go from 0 to ${classes - 1}; the file is damaged or in another format (CIFAR-100, the Python version)`,
        REFETCH,
      );
    }
    set.labels[first + index] = label;
    interleave(records, at + 1, words, (first + index) * IMAGE_BYTES);
  }
  return count;
}

/** Images `from` (inclusive) to `to` (exclusive) of a 32x32 colour set as records. */
export function encodeRecords(set: ImageSet, from = 0, to = set.count): Uint8Array {
  const records = new Uint8Array((to - from) * RECORD_BYTES);
  for (let index = from; index < to; index++) {
    const at = (index - from) * RECORD_BYTES;
    records[at] = set.labels[index];
    for (let pixel = 0; pixel < PLANE; pixel++) {
      for (let channel = 0; channel < CHANNELS; channel++) {
        records[at + 1 + channel * PLANE + pixel] = set.images[index * IMAGE_BYTES + pixel * CHANNELS + channel];
      }
    }
  }
  return records;
}

/** The files' images, one after another. */
export async function readRecords(paths: readonly string[], classes: number): Promise<ImageSet> {
  const counts = await Promise.all(paths.map(async (path) => recordCount(await fileSize(path), path)));
  const set = emptyImageSet(counts.reduce((sum, count) => sum + count, 0));
  let first = 0;
  for (const path of paths) first += decodeRecords(await reading(path, readFile(path)), classes, path, set, first);
  return set;
}
