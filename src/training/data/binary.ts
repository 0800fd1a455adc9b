import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import type { DataFile } from './data-file.js';
import type { ImageSet } from './dataset.js';

/** CIFAR's binary format: one label byte, or two, then 1,024 red, 1,024 green and 1,024 blue bytes, row by row. */
export const SIDE = 32;
export const PLANE = SIDE * SIDE;
export const CHANNELS = 3;
export const IMAGE_BYTES = PLANE * CHANNELS;
export const RECORD_BYTES = IMAGE_BYTES + 1;

/** The bytes of labels before each image, and which of them counts. */
export interface RecordForm {
  readonly labels: number;
  readonly label: number;
}

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

/** Writes an image of three planes as image `index` of `set`. */
export function copyPlanes(planes: Uint8Array, from: number, set: ImageSet, index: number): void {
  const words = new Uint32Array(set.images.buffer, set.images.byteOffset, set.images.length >>> 2);
  interleave(planes, from, words, index * IMAGE_BYTES);
}

export function badLabel(source: string, index: number, label: number, classes: number): UserError {
  return userError(
    'AMP7004',
    `${source}: image ${index} has label ${label}`,
    `labels go from 0 to ${classes - 1}; the file is damaged, or of another data set`,
    REFETCH,
  );
}

/** Number of records in `bytes` bytes. `source` names the file in UserError AMP7003 for a size that is no number of records. */
function recordCount(bytes: number, { labels }: RecordForm, source: string): number {
  const each = IMAGE_BYTES + labels;
  const before = labels === 1 ? 'a label' : `${labels} labels`;
  if (bytes > 0 && bytes % each === 0) return bytes / each;
  throw userError(
    'AMP7003',
    `${source} has ${bytes} bytes, not a whole number of images`,
    `each image takes ${each} bytes: ${before} and ${SIDE}x${SIDE}x${CHANNELS} pixels; the file was probably cut short`,
    REFETCH,
  );
}

/**
 * Writes records as images `first` and following of `set` and returns how many there were.
 * Throws UserError AMP7003 for a bad size, AMP7004 for a label that is not below `classes`.
 */
export function decodeRecords(
  records: Uint8Array,
  form: RecordForm,
  classes: number,
  source: string,
  set: ImageSet,
  first: number,
): number {
  const count = recordCount(records.length, form, source);
  for (let index = 0; index < count; index++) {
    const at = index * (IMAGE_BYTES + form.labels);
    const label = records[at + form.label]!;
    if (label >= classes) throw badLabel(source, index, label, classes);
    set.labels[first + index] = label;
    copyPlanes(records, at + form.labels, set, first + index);
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

/** Reads the images of files of records, one after another. */
export function recordsReader(form: RecordForm) {
  return async (files: readonly DataFile[], classes: number): Promise<ImageSet> => {
    const counts = await Promise.all(files.map(async (file) => recordCount(await file.size(), form, file.path)));
    const set = emptyImageSet(counts.reduce((sum, count) => sum + count, 0));
    let first = 0;
    for (const file of files) first += decodeRecords(await file.bytes(), form, classes, file.path, set, first);
    return set;
  };
}
