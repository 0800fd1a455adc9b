import type { FurtherValues } from '../../datafiles/further-arrays.js';
import type { DatasetName } from '../../datasets/registry.js';
import { elementCount, type Shape } from '../../ir/types.js';
import { breathe } from '../../platform/system.js';

/** Brings the images of a set into memory as they are needed. */
export interface Supply {
  /** How many images may be held at once. */
  readonly room: number;
  /** Where a held image lies in `images` of its set, counted in images. */
  placeOf(number: number): number;
  /**
   * Brings these images into memory, where they stay until the next call; undefined where they are there already. `ahead` tells at most so
   * many numbers that will be needed after them, in order. Rejects with UserError AMP7018 for an image that is broken, AMP7019 for one
   * whose file is not as it was.
   */
  hold(numbers: Uint32Array, ahead: (most: number) => Uint32Array): Promise<void> | undefined;
}

/** Labelled images of one size. */
export interface ImageSet {
  /** N*H*W*C bytes, NHWC; of a set with a supply those that are held, wherever they lie. */
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
  /** Of a part of a set: where each image is in the whole. */
  readonly numbers?: Uint32Array;
  /** Undefined: all images are in memory. */
  readonly supply?: Supply | undefined;
}

/** Where an image lies in `images`, counted in images. */
export function placeOf({ supply }: ImageSet, number: number): number {
  return supply === undefined ? number : supply.placeOf(number);
}

/** Brings the images of batches of a test set into memory, until the next call. Rejects as `Supply.hold`. */
export function holdInOrder({ count, supply }: ImageSet, batch: number, index: number, batches = 1): Promise<void> | undefined {
  if (supply === undefined) return undefined;
  const numbers = (from: number, to: number): Uint32Array =>
    Uint32Array.from({ length: Math.max(0, Math.min(count, to) - from) }, (_, at) => from + at);
  const end = (index + batches) * batch;
  return supply.hold(numbers(index * batch, end), (most) => numbers(Math.min(end, count), end + most));
}

/** Images that are looked at together, by whoever looks at all of a set. */
const TOGETHER = 256;

/** Goes through a set, image by image. Rejects as `Supply.hold`. */
export async function forEachImage(set: ImageSet, look: (pixels: Uint8Array, number: number) => void): Promise<void> {
  const { count, shape, supply } = set;
  const bytes = elementCount(shape);
  const numbers = Uint32Array.from({ length: count }, (_, number) => number);
  const together = Math.max(1, Math.min(TOGETHER, supply?.room ?? TOGETHER));
  for (let first = 0; first < count; first += together) {
    const held = numbers.subarray(first, first + together);
    if (supply !== undefined) {
      await supply.hold(held, (most) => numbers.subarray(first + held.length, first + held.length + most));
      await breathe();
    }
    const { images } = set;
    for (const number of held) {
      const at = placeOf(set, number) * bytes;
      look(images.subarray(at, at + bytes), number);
    }
  }
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
