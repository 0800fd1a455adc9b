import type { FurtherValues } from '../../datafiles/further-arrays.js';
import type { DatasetName } from '../../datasets/registry.js';
import type { Shape } from '../../ir/types.js';

/** Labelled images of one size. */
export interface ImageSet {
  /** N*H*W*C bytes, NHWC. */
  readonly images: Uint8Array;
  /** One class index per image. */
  readonly labels: Int32Array;
  readonly count: number;
  /** H, W, C. */
  readonly shape: Shape;
  /** What a model takes besides, by name: so many numbers for each image. */
  readonly further?: FurtherValues | undefined;
  /** Where each image comes from, if each has a file of its own. */
  readonly files?: readonly string[];
}

export interface Dataset {
  readonly name: string;
  /** Names of the classes, by label. */
  readonly classes: readonly string[];
  readonly train: ImageSet;
  readonly test: ImageSet;
  /** Kept from the training images: the best weights are chosen by it. */
  readonly validation?: ImageSet;
  /** A hash of all images, where the files may be anybody's: a run goes on with the same ones. */
  readonly content?: string;
}

/** What `ampc data verify` tells. */
export interface DatasetReport {
  readonly name: DatasetName;
  /** The folder that holds the files; undefined when the data set is generated in memory. */
  readonly folder: string | undefined;
  readonly classes: readonly string[];
  /**
   * What was compared: every byte with what was downloaded or is generated, or sizes and labels alone, where nothing tells how pixels
   * should be.
   */
  readonly checked: 'bytes' | 'structure';
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
