import { type KeysOf, refuseUnknown } from '../choose/option-keys.js';
import { DATASET_NAMES, DATASETS, type DatasetName } from '../datasets/registry.js';
import type { Statistics } from '../datasets/source.js';
import { UserError, userError } from '../diagnostics/diagnostic.js';
import { readSource } from '../files/source.js';
import { given } from '../given.js';
import type { DatasetSpec } from '../ir/program.js';
import { elementCount } from '../ir/types.js';
import { lowerProgram } from '../lower/lower.js';
import { Batcher } from '../training/data/batcher.js';
import { countPerClass, type Dataset, forEachImage, type ImageSet } from '../training/data/dataset.js';
import { type Duplicate, findDuplicates } from '../training/data/duplicates.js';
import { EpochOrder } from '../training/data/epoch-order.js';
import { defaultDataFolder } from '../training/data/folder.js';
import { type Availability, findPlace } from '../training/data/load.js';
import { choosePlace, measureStatistics, openData } from '../training/data/open.js';
import type { PictureSizes } from '../training/data/picture-sizes.js';
import { sampleOf } from '../training/data/sample.js';
import { publishedAt, specOf } from './data-target.js';

export interface DataOptions {
  /** Where the data is, instead of where it usually is. */
  readonly data?: string | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const DATA_KEYS: KeysOf<DataOptions> = { data: true, onNotice: true, signal: true };

export interface KnownData extends Availability {
  readonly name: DatasetName;
  readonly doc: string;
  readonly image: readonly number[];
  readonly classes: number;
}

/** The data sets that a file can name, and which of them are there. */
export async function listData({ data }: DataOptions = {}): Promise<readonly KnownData[]> {
  const dir = data ?? defaultDataFolder();
  return Promise.all(
    DATASET_NAMES.map(async (name): Promise<KnownData> => {
      const { doc, image, classes } = DATASETS[name];
      return { name, doc, image, classes, ...(await findPlace(name, dir)) };
    }),
  );
}

export interface DataInfo {
  readonly name: string;
  readonly place: string | undefined;
  readonly classes: readonly string[];
  readonly image: readonly number[];
  readonly train: number;
  readonly test: number;
  /** Kept from the training images by `validation`; left out where there is none. */
  readonly validation?: number;
  readonly trainPerClass: readonly number[];
  readonly testPerClass: readonly number[];
  readonly validationPerClass?: readonly number[];
  readonly statistics: Statistics;
  /** Of the pictures as they are in their files; undefined for arrays. */
  readonly sizes: PictureSizes | undefined;
  readonly duplicates: readonly NamedDuplicate[];
}

/** With the files that hold the two, where images have files of their own. */
export interface NamedDuplicate extends Duplicate {
  readonly trainFile?: string;
  readonly testFile?: string;
}

export interface InfoOptions extends DataOptions {
  /** Of a path: the side that pictures are brought to, and the share that is for testing. */
  readonly size?: number | undefined;
  readonly split?: number | undefined;
  /** A PNG with some images of every class is written here. */
  readonly sheet?: string | undefined;
}

async function open(
  target: string,
  options: InfoOptions,
): Promise<{ readonly spec: DatasetSpec; readonly dataset: Dataset; readonly place: string | undefined }> {
  const published = options.data === undefined ? await publishedAt(target) : undefined;
  if (published !== undefined) return open(published, { ...options, data: target });
  try {
    const spec = await specOf(target, options);
    const place = await choosePlace(spec, options.data, undefined, { path: target.endsWith('.amp') ? target : 'data', text: '' });
    return { spec, dataset: await openData(spec, { place, onNotice: options.onNotice, signal: options.signal }), place };
  } catch (error) {
    throw target.endsWith('.amp') ? error : withOption(error);
  }
}

/** What is not divided into training and test images is divided by an option, where no file has a setting for it. */
function withOption(error: unknown): unknown {
  const [first] = error instanceof UserError ? error.diagnostics : [];
  if (first?.code !== 'AMP7016' || first.fix?.includes('split(test') !== true) return error;
  return userError('AMP7016', first.message, first.why, 'add `--split 0.2`: a fifth of each class is then for testing');
}

/** Some images of each class, drawn by chance. */
async function samples(set: ImageSet, classes: number, most: number): Promise<Uint8Array[][]> {
  const rows = Array.from({ length: classes }, (): Uint8Array[] => []);
  const chosen = new Set(sampleOf(set.labels, set.count, 0, most));
  await forEachImage(set, (image, number) => {
    if (chosen.has(number)) rows[set.labels[number]!]?.push(image.slice());
  });
  return rows;
}

const SAMPLES = 10;

/**
 * What a data set holds, by its name, a .amp file, a path, or as a file has it (`folder("photos")`): images of each class, statistics of
 * the training images, test images that are training images too. Throws UserError as the reader of its kind.
 */
export async function dataInfo(target: string, options: InfoOptions = {}): Promise<DataInfo> {
  refuseUnknown('dataInfo', options, { ...DATA_KEYS, sheet: true, size: true, split: true } satisfies KeysOf<InfoOptions>);
  const { spec, dataset, place } = await open(target, options);
  const { classes, train, test, validation } = dataset;
  if (options.sheet !== undefined) {
    // Brings an image library.
    const { writeContactSheet } = await import('../training/data/contact-sheet.js');
    await writeContactSheet(options.sheet, await samples(train, classes.length, SAMPLES), train.shape);
  }
  return {
    name: spec.name,
    place,
    classes,
    image: train.shape,
    train: train.count,
    test: test.count,
    trainPerClass: countPerClass(train, classes.length),
    testPerClass: countPerClass(test, classes.length),
    ...(validation && { validation: validation.count, validationPerClass: countPerClass(validation, classes.length) }),
    statistics: await measureStatistics(train, options.onNotice),
    sizes: 'channels' in spec.source ? await (await import('../training/data/picture-sizes.js')).measureSizes(spec, place) : undefined,
    duplicates: (await findDuplicates(train, test)).map((pair) => ({
      ...pair,
      ...given({ trainFile: train.files?.[pair.train], testFile: test.files?.[pair.test] }),
    })),
  };
}

export interface PreviewOptions extends DataOptions {
  /** The PNG. */
  readonly out: string;
  /** Images, one a row; default 8. */
  readonly images?: number | undefined;
  /** Epochs, one a column; default 8. */
  readonly epochs?: number | undefined;
}

/**
 * Writes a PNG of training images of a .amp file, drawn by its seed from all classes: in each row one as it is, and as it is fed in the
 * first epochs.
 */
export async function dataPreview(file: string, options: PreviewOptions): Promise<{ readonly images: number; readonly epochs: number }> {
  refuseUnknown('dataPreview', options, { ...DATA_KEYS, epochs: true, images: true, out: true } satisfies KeysOf<PreviewOptions>);
  const source = await readSource(file);
  const { dataset: spec, train } = lowerProgram(source, { images: 0 }).recipe;
  const place = await choosePlace(spec, options.data, undefined, source);
  const { train: set } = await openData(spec, { place, onNotice: options.onNotice, signal: options.signal });
  const { images = 8, epochs = 8 } = options;
  const { seed } = train;
  const plain = new Batcher(set, { seed, shuffle: false });
  const batcher = new Batcher(set, { seed, shuffle: true, augment: spec.augment, mean: spec.mean });
  const order = new EpochOrder(set.count, seed);
  const image = async (from: Batcher, epoch: number, at: number, needs: readonly number[]): Promise<Uint8Array> => {
    const pixels = new Uint8Array(elementCount(set.shape));
    // Nothing is read ahead: what comes next in an epoch is not shown.
    await set.supply?.hold(Uint32Array.from(needs), () => new Uint32Array(0));
    from.fill(epoch, at, pixels, new Int32Array(1));
    return pixels;
  };
  const numbers = sampleOf(set.labels, images, seed);
  const rows: Uint8Array[][] = [];
  for (const number of numbers) rows.push([await image(plain, 0, number, [number])]);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const places = order.of(epoch);
    for (const [row, number] of numbers.entries()) {
      const at = places.indexOf(number);
      // With the one that it may be joined with.
      rows[row]!.push(await image(batcher, epoch, at, [number, places[(at + 1) % set.count]!]));
    }
  }
  const { writeContactSheet } = await import('../training/data/contact-sheet.js');
  await writeContactSheet(options.out, rows, set.shape);
  return { images: numbers.length, epochs };
}
