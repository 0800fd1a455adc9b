import type { Shape } from '../../ir/types.js';

/** Labelled images of one size. */
export interface ImageSet {
  /** N*H*W*C bytes, NHWC. */
  readonly images: Uint8Array;
  /** One class index per image. */
  readonly labels: Uint8Array;
  readonly count: number;
  /** H, W, C. */
  readonly shape: Shape;
}

export type Split = 'train' | 'test';

export interface Dataset {
  readonly name: string;
  /** Names of the classes, by label. */
  readonly classes: readonly string[];
  readonly train: ImageSet;
  readonly test: ImageSet;
}

/** What `ampc data verify` tells. */
export interface DatasetReport {
  readonly name: string;
  /** The folder that holds the files; undefined when the data set is generated in memory. */
  readonly folder: string | undefined;
  readonly classes: readonly string[];
  readonly train: number;
  readonly test: number;
  /** Images per class, by label. */
  readonly trainPerClass: readonly number[];
  readonly testPerClass: readonly number[];
}

/** Images per class, by label. */
export function countPerClass(set: ImageSet, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const label of set.labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

/** One set after another; all of the same shape. */
export function concatImageSets(sets: readonly ImageSet[]): ImageSet {
  const [first] = sets;
  if (first === undefined) throw new Error('no image sets');
  const count = sets.reduce((sum, set) => sum + set.count, 0);
  const bytes = sets.reduce((sum, set) => sum + set.images.length, 0);
  const images = new Uint8Array(bytes);
  const labels = new Uint8Array(count);
  let image = 0;
  let byte = 0;
  for (const set of sets) {
    images.set(set.images, byte);
    labels.set(set.labels, image);
    byte += set.images.length;
    image += set.count;
  }
  return { images, labels, count, shape: first.shape };
}
