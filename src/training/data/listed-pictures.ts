import { type ClassFolders, type ListedImage, labelsOf } from '../../datafiles/class-folders.js';
import { checkFilled, checkLearned } from '../../datafiles/classes.js';
import { divide, drawOf } from '../../datafiles/divide.js';
import { byCodePoint } from '../../datafiles/walk.js';
import { userError } from '../../diagnostics/diagnostic.js';
import type { DatasetSpec } from '../../ir/program.js';
import type { Dataset, ImageSet } from './dataset.js';
import type { OpenOptions } from './open-options.js';
import type { PictureFiles } from './picture-files.js';
import { VALIDATION } from './validation.js';

export interface Broken {
  readonly path: string;
  readonly why: string;
}

/** Leaves broken files out with a notice, or throws UserError AMP7018 that names all of them, and all that is wrong with the folders. */
export function judge(
  listed: PictureFiles['listed'],
  { misplaced, empty }: Pick<ClassFolders, 'misplaced' | 'empty'>,
  unreadable: readonly Broken[],
  spec: DatasetSpec,
  onNotice: OpenOptions['onNotice'],
): void {
  // Those left out are files: a class without any is a mistake in the folder.
  const classless = spec.skipBroken === true ? [] : empty.map((path) => ({ path, why: 'this class has no pictures' }));
  const broken = [...misplaced, ...classless, ...unreadable];
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

/** All pictures in the order in which they are read, whatever is kept for choosing, and those for testing; `whole`: all of them. */
export function listedOf(images: ClassFolders['images'], whole: boolean) {
  const tested = whole ? [...images.train, ...images.test].sort((one, other) => byCodePoint(one.path, other.path)) : images.test;
  return { tested, listed: whole ? tested : [...images.train, ...tested] };
}

/** How the usable ones of some pictures become a set, and a hash of what they hold. */
export interface Taking {
  readonly take: (part: readonly ListedImage[]) => Promise<ImageSet>;
  readonly contentOf: (used: readonly ListedImage[]) => string;
}

/** Pictures that were judged as a data set. Throws UserError AMP7016 where none is left, AMP7018 where a class has none to learn from. */
export async function divided(
  spec: DatasetSpec,
  root: string,
  { classes, images, empty }: ClassFolders,
  whole: boolean,
  { take, contentOf }: Taking,
): Promise<Dataset> {
  const tested = images.test;
  const { trained, kept } = whole ? NOTHING_TRAINS : keepForChoosing(images.train, spec.validation, classes.length);
  const train = await take(trained);
  const validation = await take(kept);
  const test = await take(tested);
  const content = contentOf([...trained, ...kept, ...tested]);
  if (whole) {
    checkFilled(root, { test: test.count });
    return { name: spec.name, classes, train, test, content };
  }
  checkFilled(root, { train: train.count, test: test.count, ...(spec.validation !== undefined && { validation: validation.count }) });
  refuseEmptyClasses(root, empty, classes, trained, train);
  checkLearned(root, classes, train.labels, test.labels);
  const sets = { train, test, ...(spec.validation !== undefined && { validation }) };
  return { name: spec.name, classes, ...sets, content };
}
