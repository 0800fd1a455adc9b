import { join } from 'node:path';
import { type ClassFolders, type ListedImage, labelsOf } from '../../datafiles/class-folders.js';
import { checkFilled, checkLearned } from '../../datafiles/classes.js';
import { divide, drawOf } from '../../datafiles/divide.js';
import { byCodePoint } from '../../datafiles/walk.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { notKept, openCache } from '../../files/cache-folder.js';
import type { DatasetSpec } from '../../ir/program.js';
import { parseBytes } from '../../numeric/bytes.js';
import type { Dataset, ImageSet } from './dataset.js';
import { decodePool } from './decode-pool.js';
import { heldBytes } from './held-bytes.js';
import type { OpenOptions } from './open-options.js';
import type { PictureFiles } from './picture-files.js';
import { PictureStore } from './picture-store.js';
import { PictureSupply } from './picture-supply.js';
import { VALIDATION } from './validation.js';

/** A set that takes so long to look at that somebody should know. */
const LONG = 20_000;

/** So few are decoded before a thread for it has started. */
const FEW = 48;

async function cacheOf(onNotice: OpenOptions['onNotice']): Promise<string | undefined> {
  try {
    return await openCache('images');
  } catch (error) {
    onNotice?.(notKept(error, 'decoded pictures are'));
    return undefined;
  }
}

interface Broken {
  readonly path: string;
  readonly why: string;
}

/** Leaves broken files out with a notice, or throws UserError AMP7018 that names all of them. */
function judge(listed: PictureFiles['listed'], broken: readonly Broken[], spec: DatasetSpec, onNotice: OpenOptions['onNotice']): void {
  if (broken.length === 0) return;
  const { by, holds, what } = listed;
  const some = broken.length === 1 ? `a ${what}` : `${broken.length} ${what}s`;
  if (spec.skipBroken === true) {
    onNotice?.(`${by}: ${some} skipped, such as ${broken[0]!.path}: ${broken[0]!.why}`);
    return;
  }
  throw userError(
    'AMP7018',
    `${by} ${holds} ${some} that cannot be used`,
    broken.map(({ path, why }) => `${path}: ${why}`).join('\n'),
    'remove or replace what is listed, or add `skip_broken` to the dataset section',
  );
}

/** Throws UserError AMP7018 where a class has no training pictures that can be used: it would be an output that nothing teaches. */
function refuseEmptyClasses(
  root: string,
  empty: readonly string[],
  classes: readonly string[],
  trained: readonly ListedImage[],
  whole: ImageSet,
): void {
  const left = new Set(whole.labels);
  const broken = [...new Set(labelsOf(trained))].filter((label) => !left.has(label)).map((label) => classes[label]!);
  const found = [
    ...empty.map((path) => `${path}: this class has no pictures`),
    ...broken.map((name) => `${name}: no training picture of this class can be used`),
  ];
  if (found.length === 0) return;
  throw userError(
    'AMP7018',
    `${root} has ${found.length === 1 ? 'a class' : `${found.length} classes`} without training images`,
    found.join('\n'),
    'add pictures, or remove the classes',
  );
}

/** Throws UserError AMP7017 when the classes are not those that a model was trained for. */
export function compareClasses(root: string, found: readonly string[], expected: readonly string[] | undefined): void {
  if (expected === undefined || (expected.length === found.length && found.every((name, label) => name === expected[label]))) return;
  throw userError(
    'AMP7017',
    `the classes in ${root} are not those of the run`,
    `it has ${found.join(', ')}; the run was trained for ${expected.join(', ')}`,
    'name the folder of the run with --data, or one with the same class folders',
  );
}

interface Kept {
  readonly trained: readonly ListedImage[];
  readonly kept: readonly ListedImage[];
}

const NOTHING_TRAINS: Kept = { trained: [], kept: [] };

/** The training pictures without about `share` of each class, and those; by their paths. */
function keepForChoosing(images: readonly ListedImage[], share: number | undefined, classes: number): Kept {
  if (share === undefined) return { trained: images, kept: [] };
  const isKept = new Set<ListedImage>();
  for (let label = 0; label < classes; label++) {
    const own = images.filter((image) => image.label === label);
    const sides = divide(
      own.map(({ path }) => drawOf(path, VALIDATION)),
      share,
    );
    for (const [index, image] of own.entries()) if (sides[index]) isKept.add(image);
  }
  return { trained: images.filter((image) => !isKept.has(image)), kept: images.filter((image) => isKept.has(image)) };
}

/** What all files may take of a set that is decoded before it is used, which finds all that are broken. Throws UserError AMP6054. */
function decodedFirst(): number {
  const { AMPC_DECODE_FIRST: named } = process.env;
  const bytes = named ? parseBytes(named) : 32e6;
  if (bytes !== undefined) return bytes;
  throw userError('AMP6054', `AMPC_DECODE_FIRST is ${named}`, 'it is an amount, such as 32 MB', 'correct or unset AMPC_DECODE_FIRST');
}

/**
 * Listed pictures: decoded, where they are few, one of them may have to be left out, or they can only be read one after another; others are
 * looked at now, and decoded as they are needed. Throws UserError AMP7018 for files that are no pictures, AMP7016 where none is left,
 * AMP7019 for a file that changes meanwhile, and as `PictureStore.open`.
 */
export async function openPictures(
  spec: DatasetSpec,
  files: PictureFiles,
  { classes, images, misplaced, empty, unused }: ClassFolders,
  options: OpenOptions,
): Promise<Dataset> {
  const { root } = files;
  compareClasses(root, classes, options.classes);
  // In the same order whatever is kept for choosing.
  const { onNotice, onProgress, signal, workers, whole = false } = options;
  if (unused !== undefined) onNotice?.(`${files.listed.by}: ${unused}`);
  const tested = whole ? [...images.train, ...images.test].sort((one, other) => byCodePoint(one.path, other.path)) : images.test;
  const listed = whole ? tested : [...images.train, ...tested];
  if (listed.length >= LONG) onNotice?.(`looking at ${listed.length} pictures in ${root}`);
  const shape = [...spec.image];
  const store = await PictureStore.open(
    files,
    listed.map(({ path }) => path),
    {
      decoding: { shape, size: spec.size },
      pool: decodePool(workers ?? (listed.length < FEW ? 0 : undefined)),
      cache: await cacheOf(onNotice),
      onNotice,
      onProgress,
      signal,
    },
  );
  const isSmall = store.fileBytes <= decodedFirst() && heldBytes(listed.length, store.bytes) === listed.length * store.bytes;
  if (isSmall || spec.skipBroken === true || store.isSequential) await store.decodeAll();
  // Those left out are files: a class without any is a mistake in the folder.
  const classless = spec.skipBroken === true ? [] : empty.map((path) => ({ path, why: 'this class has no pictures' }));
  judge(files.listed, [...misplaced, ...classless, ...store.broken], spec, onNotice);
  const indexOf = new Map(listed.map((image, index) => [image, index]));
  const take = async (part: readonly ListedImage[]): Promise<ImageSet> => {
    const usable = part.filter((image) => !store.isBroken(indexOf.get(image)!));
    const supply = new PictureSupply(
      store,
      Uint32Array.from(usable, (image) => indexOf.get(image)!),
    );
    const set = {
      labels: Int32Array.from(usable, ({ label }) => label),
      count: usable.length,
      shape,
      files: usable.map(({ path }) => join(root, path)),
    };
    if (usable.length === 0 || isSmall || (store.isSequential && !store.isCached)) {
      await supply.holdAll();
      return { ...set, images: supply.images };
    }
    return {
      ...set,
      supply,
      get images() {
        return supply.images;
      },
    };
  };
  const { trained, kept } = whole ? NOTHING_TRAINS : keepForChoosing(images.train, spec.validation, classes.length);
  const train = await take(trained);
  const validation = await take(kept);
  const test = await take(tested);
  const content = [...trained, ...kept, ...tested].map((image) => indexOf.get(image)!).filter((index) => !store.isBroken(index));
  const hash = store.contentOf(content).slice(0, 12);
  if (whole) {
    checkFilled(root, { test: test.count });
    return { name: spec.name, classes, train, test, content: hash };
  }
  checkFilled(root, { train: train.count, test: test.count, ...(spec.validation !== undefined && { validation: validation.count }) });
  refuseEmptyClasses(root, empty, classes, trained, train);
  checkLearned(root, classes, train.labels, test.labels);
  const sets = { train, test, ...(spec.validation !== undefined && { validation }) };
  return { name: spec.name, classes, ...sets, content: hash };
}
