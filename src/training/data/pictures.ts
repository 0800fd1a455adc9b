import { join } from 'node:path';
import { type ClassFolders, type ListedImage, labelsOf } from '../../datafiles/class-folders.js';
import { checkFilled, checkLearned } from '../../datafiles/classes.js';
import { divide, drawOf } from '../../datafiles/divide.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { notKept, openCache } from '../../files/cache-folder.js';
import type { DatasetSpec } from '../../ir/program.js';
import { elementCount } from '../../ir/types.js';
import type { Dataset, ImageSet } from './dataset.js';
import { decodeSet } from './decode-set.js';
import type { OpenOptions } from './open-options.js';
import type { PictureFiles } from './picture-files.js';
import { VALIDATION } from './validation.js';

/** A set that takes so long to decode that somebody should know. */
const LONG = 2000;

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
function judge(root: string, broken: readonly Broken[], spec: DatasetSpec, onNotice: OpenOptions['onNotice']): void {
  if (broken.length === 0) return;
  const files = broken.length === 1 ? 'a file' : `${broken.length} files`;
  if (spec.skipBroken === true) {
    onNotice?.(`${root}: ${files} skipped, such as ${broken[0]!.path}: ${broken[0]!.why}`);
    return;
  }
  throw userError(
    'AMP7018',
    `${root} holds ${files} that cannot be used`,
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

/** Listed pictures, decoded. Throws UserError as `decodeSet`, AMP7018 for files that are no pictures, AMP7016 where none is left. */
export async function openPictures(
  spec: DatasetSpec,
  files: PictureFiles,
  { classes, images, misplaced, empty }: ClassFolders,
  options: OpenOptions,
): Promise<Dataset> {
  const { root } = files;
  compareClasses(root, classes, options.classes);
  const { trained, kept } = keepForChoosing(images.train, spec.validation, classes.length);
  const listed = [...trained, ...kept, ...images.test];
  const { onNotice, onProgress, signal } = options;
  if (listed.length >= LONG) onNotice?.(`reading ${listed.length} pictures in ${root}`);
  const paths = listed.map(({ path }) => path);
  const shape = [...spec.image];
  const { pixels, broken, key } = await decodeSet(files, paths, {
    shape,
    size: spec.size,
    cache: await cacheOf(onNotice),
    onProgress,
    signal,
  });
  // Those that are decoded at once end in any order.
  const inOrder = [...broken].sort(([a], [b]) => a - b);
  // Those left out are files: a class without any is a mistake in the folder.
  const classless = spec.skipBroken === true ? [] : empty.map((path) => ({ path, why: 'this class has no pictures' }));
  judge(root, [...misplaced, ...classless, ...inOrder.map(([place, why]) => ({ path: paths[place]!, why }))], spec, onNotice);
  const bytes = elementCount(shape);
  let at = 0;
  const take = (from: number, to: number): ImageSet => {
    const whole = listed.slice(from, to).filter((_, index) => !broken.has(from + index));
    const labels = whole.map(({ label }) => label);
    const places = whole.map(({ path }) => join(root, path));
    const first = at;
    at += labels.length;
    return {
      images: pixels.subarray(first * bytes, at * bytes),
      labels: Int32Array.from(labels),
      count: labels.length,
      shape,
      files: places,
    };
  };
  const train = take(0, trained.length);
  const validation = take(trained.length, trained.length + kept.length);
  const test = take(trained.length + kept.length, listed.length);
  checkFilled(root, { train: train.count, test: test.count, ...(spec.validation !== undefined && { validation: validation.count }) });
  refuseEmptyClasses(root, empty, classes, trained, train);
  checkLearned(root, classes, train.labels, test.labels);
  const sets = { train, test, ...(spec.validation !== undefined && { validation }) };
  return { name: spec.name, classes, ...sets, content: key.slice(0, 12) };
}
