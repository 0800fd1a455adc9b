import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Split } from '../datasets/registry.js';
import type { DataSplit } from '../datasets/source.js';
import { userError } from '../diagnostics/diagnostic.js';
import { listNames } from '../diagnostics/suggest.js';
import { systemError } from '../files/system-error.js';
import { BadFile, badFile, naming } from './bad-file.js';
import { checkFilled, checkLearned, checkNames, numberedClasses } from './classes.js';
import { divide, drawOf } from './divide.js';
import { type Further, type FurtherValues, furtherOf, type Named, type Side, takenOf } from './further-arrays.js';
import { type ByteArray, readIdx } from './idx.js';
import { isNpy, readNpyBytes, readNpyIntegers, readNpyTexts } from './npy.js';
import { readBytes } from './read-bytes.js';
import { readZip } from './zip.js';

/** Images of one size and their labels. */
export interface LabelledImages {
  /** N*H*W*C bytes. */
  readonly images: Uint8Array;
  readonly labels: Int32Array;
  /** What else a model takes of each image, by name. */
  readonly further?: FurtherValues | undefined;
}

export interface LabelledArrays {
  readonly image: readonly [height: number, width: number, channels: number];
  readonly classes: readonly string[];
  readonly splits: Readonly<Record<Split, LabelledImages>>;
}

/** An array of images and one of labels, as they are in files. */
interface Pair {
  readonly from: string;
  readonly images: ByteArray;
  readonly labels: readonly number[];
  readonly further?: FurtherValues | undefined;
}

/** Names that people give to arrays: of training images, of their labels, and so on; the first that is there counts. */
const NAMES = {
  train: { images: ['train_images', 'x_train', 'train_x', 'X_train'], labels: ['train_labels', 'y_train', 'train_y'] },
  test: { images: ['test_images', 'x_test', 'test_x', 'X_test'], labels: ['test_labels', 'y_test', 'test_y'] },
  all: { images: ['images', 'x', 'X', 'data', 'arr_0'], labels: ['labels', 'y', 'targets', 'arr_1'] },
} as const satisfies Record<Side, unknown>;

const CLASS_NAMES = ['classes', 'class_names', 'label_names', 'names'];

function namedArrays(path: string): Named {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (error) {
    throw systemError(error as NodeJS.ErrnoException, { path, doing: 'read' });
  }
  const base = (name: string): string => name.slice(0, -'.npy'.length);
  if (isFolder) {
    const names = readdirSync(path).filter((name) => name.endsWith('.npy'));
    return new Map(names.map((name) => [base(name), () => readBytes(join(path, name))]));
  }
  const bytes = readBytes(path);
  if (isNpy(bytes))
    throw badFile(path, 'it is one array; images and their labels are two', 'name the folder that the `.npy` files of both lie in');
  const entries = naming(path, () => readZip(bytes));
  return new Map(entries.filter(({ name }) => name.endsWith('.npy')).map((entry) => [base(entry.name), () => entry.read()]));
}

function pairOf(path: string, arrays: Named, side: Side, further: Further): Pair | undefined {
  const names = NAMES[side];
  const [image, label] = [names.images, names.labels].map((candidates: readonly string[]) => candidates.find((name) => arrays.has(name)));
  if (image === undefined || label === undefined) return undefined;
  const at = (name: string) => `${path}: ${name}`;
  const images = naming(at(image), () => readNpyBytes(arrays.get(image)!()));
  const labels = naming(at(label), () => {
    const { shape, values } = readNpyIntegers(arrays.get(label)!());
    if (shape.slice(1).some((size) => size !== 1))
      throw new BadFile(`its shape is [${shape.join(', ')}]; labels are one number each`, 'save the labels as [n]');
    return values;
  });
  if (further.length === 0) return { from: at(image), images, labels };
  return { from: at(image), images, labels, further: furtherOf(path, arrays, side, labels.length, further) };
}

function imageOf({ from, images: { shape } }: Pair): LabelledArrays['image'] {
  const [, height = 0, width = 0, channels = 1] = shape;
  if (shape.length < 3 || shape.length > 4)
    throw badFile(from, `its shape is [${shape.join(', ')}]`, 'save the images as [n, height, width] or [n, height, width, channels]');
  if (shape.length === 4 && height <= 4 && width > 4 && channels > 4)
    throw badFile(from, `its shape is [${shape.join(', ')}], channels first`, 'save the images as [n, height, width, channels]');
  if (height * width * channels === 0)
    throw badFile(from, `its shape is [${shape.join(', ')}]: its images have no pixels`, 'save images of at least one pixel');
  return [height, width, channels];
}

function checked(pair: Pair, image: LabelledArrays['image'], classes: number): LabelledImages {
  const { from, images, labels, further } = pair;
  const own = imageOf(pair);
  if (own.some((size, axis) => size !== image[axis]))
    throw badFile(
      from,
      `its images are [${own.join(', ')}], those of the other split [${image.join(', ')}]`,
      'save the images of both in one shape',
    );
  if (images.shape[0] !== labels.length)
    throw badFile(from, `it has ${images.shape[0]} images and ${labels.length} labels`, 'give each image one label, in the same order');
  const wrong = labels.findIndex((label) => !Number.isInteger(label) || label < 0 || label >= classes);
  if (wrong >= 0)
    throw badFile(
      from,
      `image ${wrong} has label ${labels[wrong]}; labels go from 0 to ${classes - 1}`,
      labels[wrong]! < 0 ? 'number the classes from 0 on' : 'correct the label, or give each class a name',
    );
  return { images: images.bytes, labels: Int32Array.from(labels), further };
}

/** A part of a pair's images. */
function taken({ images, labels, further }: LabelledImages, bytes: number, places: readonly number[]): LabelledImages {
  const part = new Uint8Array(places.length * bytes);
  for (const [to, from] of places.entries()) part.set(images.subarray(from * bytes, (from + 1) * bytes), to * bytes);
  const values = takenOf(further, labels.length, places);
  return { images: part, labels: Int32Array.from(places, (place) => labels[place]!), further: values };
}

/** Divides images by what they show: two that are the same are on the same side. */
function divided(all: LabelledImages, bytes: number, classes: number, share: number): LabelledArrays['splits'] {
  const isTest = new Array<boolean>(all.labels.length).fill(false);
  for (let label = 0; label < classes; label++) {
    const places = [...all.labels.keys()].filter((place) => all.labels[place] === label);
    const sides = divide(
      places.map((place) => drawOf(all.images.subarray(place * bytes, (place + 1) * bytes))),
      share,
    );
    for (const [index, place] of places.entries()) isTest[place] = sides[index]!;
  }
  const places = [...isTest.keys()];
  return {
    train: taken(
      all,
      bytes,
      places.filter((place) => !isTest[place]),
    ),
    test: taken(
      all,
      bytes,
      places.filter((place) => isTest[place]),
    ),
  };
}

interface Found {
  readonly train?: Pair | undefined;
  readonly test?: Pair | undefined;
  readonly all?: Pair | undefined;
  readonly names?: readonly string[] | undefined;
}

/**
 * Pairs of arrays as a data set. `advice`: how to name classes. Throws UserError: AMP7016 where a pair is missing or empty, or there are
 * too many; AMP7017 for classes of test images alone; AMP7020.
 */
function arrange(
  path: string,
  { train, test, all, names }: Found,
  split: DataSplit | undefined,
  needs: string,
  advice?: string,
): LabelledArrays {
  const refuse = (message: string, why: string, fix: string): never => {
    throw userError('AMP7016', `${path} ${message}`, why, fix);
  };
  const pairs = split === undefined ? [train, test] : [all ?? train];
  if (split !== undefined && train !== undefined && test !== undefined)
    refuse('has training and test images already', 'they say which images are for testing', 'leave out `split`');
  if (pairs.includes(undefined)) {
    const fix = all === undefined ? 'name another file' : 'with `split(test: 0.2)` the test images are taken from the others';
    refuse(split === undefined ? 'has no training and test images' : 'has no images', needs, fix);
  }
  const known = pairs as readonly Pair[];
  const labels = known.flatMap((pair) => pair.labels);
  // What is below 0 is said of its image.
  const usable = labels.filter((label) => label >= 0);
  const classes = names ?? numberedClasses(path, usable, advice);
  checkNames(path, classes);
  const image = imageOf(known[0]!);
  const sets = known.map((pair) => checked(pair, image, classes.length));
  const bytes = image.reduce((product, size) => product * size, 1);
  const splits = split === undefined ? { train: sets[0]!, test: sets[1]! } : divided(sets[0]!, bytes, classes.length, split.test);
  checkFilled(path, { train: splits.train.labels.length, test: splits.test.labels.length });
  checkLearned(path, classes, splits.train.labels, splits.test.labels);
  return { image, classes, splits };
}

/**
 * Arrays of numpy: `.npz`, or a folder of `.npy`, with what a model takes besides images. Throws UserError: AMP7016 what is missing,
 * AMP7020 what is damaged, AMP6110.
 */
export function readNumpy(path: string, split: DataSplit | undefined, further: Further = []): LabelledArrays {
  const arrays = namedArrays(path);
  const classes = CLASS_NAMES.find((name) => arrays.has(name));
  const names = classes === undefined ? undefined : naming(`${path}: ${classes}`, () => readNpyTexts(arrays.get(classes)!()));
  const pair = (side: Side) => pairOf(path, arrays, side, further);
  const all = pairOf(path, arrays, 'all', split === undefined ? [] : further);
  const found = { train: pair('train'), test: pair('test'), all, names };
  const there = arrays.size === 0 ? 'it has no arrays' : `its arrays are ${listNames([...arrays.keys()].slice(0, 12), 'and')}`;
  return arrange(
    path,
    found,
    split,
    `images and labels go by names such as \`x_train\` and \`y_train\`, \`test_images\` and \`test_labels\`; ${there}`,
    'name them in an array `classes`',
  );
}

/** `train-images-idx3-ubyte.gz`, `emnist-letters-test-labels-idx1-ubyte`, `t10k-images.idx3-ubyte`. */
const IDX_NAME = /(?:^|[-_.])(train|t10k|test)[-_](images|labels)[-.]idx\d-ubyte(?:\.gz)?$/;

/** As many axes as MNIST's have, which are in their names. */
const IDX_AXES = { images: 3, labels: 1 } as const;

/** IDX files in a folder, by the names that MNIST has. Throws as `readNumpy`. */
export function readIdxFolder(path: string, split: DataSplit | undefined): LabelledArrays {
  let names: string[];
  try {
    names = readdirSync(path).sort();
  } catch (error) {
    throw systemError(error as NodeJS.ErrnoException, { path, doing: 'read' });
  }
  const find = (side: Split, what: string): string | undefined => {
    const found = names.filter((name) => {
      const [, part, kind] = IDX_NAME.exec(name) ?? [];
      return kind === what && (part === 'train') === (side === 'train');
    });
    const unpacked = [...new Set(found.map((name) => name.replace(/\.gz$/, '')))];
    if (unpacked.length > 1)
      throw userError('AMP7016', `${path} has several files of ${side} ${what}`, unpacked.join(', '), 'leave one set in the folder');
    return found[0];
  };
  const pair = (side: Split): Pair | undefined => {
    const [images, labels] = [find(side, 'images'), find(side, 'labels')];
    if (images === undefined || labels === undefined) return undefined;
    const read = (name: string): ByteArray => naming(join(path, name), () => readIdx(readBytes(join(path, name))));
    return { from: join(path, images), images: read(images), labels: [...read(labels).bytes] };
  };
  const sides: readonly Split[] = split === undefined ? ['train', 'test'] : ['train'];
  const files = sides.flatMap((side) => (['images', 'labels'] as const).map((what) => ({ side, what })));
  const lacking = files.filter(({ side, what }) => find(side, what) === undefined);
  const named = lacking.map(({ side, what }) => `${side === 'train' ? side : 't10k'}-${what}-idx${IDX_AXES[what]}-ubyte.gz`);
  const needs = `there ${lacking.length === 1 ? 'is no file' : 'are no files'} such as ${listNames(named, 'and')}`;
  return arrange(path, { train: pair('train'), test: pair('test') }, split, needs);
}
