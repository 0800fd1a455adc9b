import { isPictureName } from '../datasets/picture-formats.js';
import type { Split } from '../datasets/registry.js';
import type { DataSplit } from '../datasets/source.js';
import { userError } from '../diagnostics/diagnostic.js';
import { listNames } from '../diagnostics/suggest.js';
import { statSync } from '../platform/files.js';
import { join } from '../platform/path.js';
import { checkNames, refuseUnlearned } from './classes.js';
import { divide, drawOf } from './divide.js';
import { byCodePoint, entriesOf, filesBelow } from './walk.js';

/** A picture of a class, by its path from the folder of the data set; its parts are joined by `/` everywhere. */
export interface ListedImage {
  readonly path: string;
  readonly label: number;
}

export interface ClassFolders {
  /** Names of the folders, in the order of their code points. */
  readonly classes: readonly string[];
  readonly images: Readonly<Record<Split, readonly ListedImage[]>>;
  /** Paths of pictures that lie beside the class folders. */
  readonly misplaced: readonly { readonly path: string; readonly why: string }[];
  /** Paths of class folders without pictures to learn from. */
  readonly empty: readonly string[];
  /** What was there and is not used, for whoever meant it to be. */
  readonly unused?: string | undefined;
}

export function labelsOf(images: readonly ListedImage[]): number[] {
  return images.map(({ label }) => label);
}

/** Names that hold the test images of a folder with `train`, the first that is there. */
export const TEST_NAMES = ['test', 'val', 'valid', 'validation'];

/** Paths of the pictures in a folder and the folders below it, in the order of code points. Throws UserError AMP6110. */
export function picturesBelow(folder: string): readonly string[] {
  const pictures = filesBelow(folder, '').filter((path) => isPictureName(path));
  return pictures.map((path) => join(folder, path)).sort(byCodePoint);
}

/** A name as it is compared and shown: file systems have the same letters in several forms. */
function named(name: string): string {
  return name.normalize('NFC');
}

interface Tree {
  readonly classes: readonly string[];
  readonly files: ReadonlyMap<string, readonly string[]>;
  readonly misplaced: ClassFolders['misplaced'];
}

/** The class folders in `inner` of `root` (`''`: the root itself). */
function readTree(root: string, inner: string): Tree {
  const within = (name: string): string => (inner === '' ? name : `${inner}/${name}`);
  const files = new Map<string, readonly string[]>();
  const misplaced: { path: string; why: string }[] = [];
  for (const { name, isFolder } of entriesOf(join(root, inner))) {
    // Two folders may have the same letters.
    if (isFolder) files.set(named(name), [...(files.get(named(name)) ?? []), ...filesBelow(root, within(name))]);
    else if (isPictureName(name)) misplaced.push({ path: within(name), why: 'it lies in no folder of a class' });
  }
  const classes = [...files.keys()].sort(byCodePoint);
  checkNames(join(root, inner), classes);
  return { classes, files, misplaced };
}

function missing(root: string, message: string, why: string, fix: string): Error {
  return userError('AMP7016', `${root} ${message}`, why, fix);
}

const LAYOUT = 'it needs a folder for each class, with its pictures';

/**
 * The pictures of a folder: of `train` and `test` (or `val`), each with a subfolder for every class, or, with `split`, of one tree of such
 * subfolders. Throws UserError: AMP7016 a folder of another form, AMP7017 a class of test images alone, AMP6110 the system's errors.
 */
export function listClassFolders(root: string, split: DataSplit | undefined): ClassFolders {
  if (statSync(root, { throwIfNoEntry: false }) === undefined)
    throw missing(
      root,
      'is not there',
      'paths in a `.amp` file are taken from the folder that the file is in',
      'check the path, or name the folder with --data',
    );
  const names = entriesOf(root).flatMap(({ name, isFolder }) => (isFolder ? [name] : []));
  // In small letters or capitals.
  const find = (wanted: string): string | undefined => {
    const found = names.filter((name) => name.toLowerCase() === wanted);
    if (found.length > 1)
      throw missing(root, `has ${listNames(found, 'and')}`, 'any of them may hold the images that are meant', 'leave one of them');
    return found[0];
  };
  const train = find('train');
  const [test, ...others] = TEST_NAMES.flatMap((name) => find(name) ?? []);
  if (split !== undefined) {
    if (train !== undefined && test !== undefined)
      throw missing(root, `has ${train} and ${test} already`, 'they say which images are for testing', 'leave out `split`');
    if (train !== undefined && names.length === 1)
      throw missing(root, `has one folder, ${train}`, 'that is no class, but holds the classes', `name ${join(root, train)}`);
    return listOneTree(root, split);
  }
  if (train === undefined || test === undefined) {
    const there = names.length === 0 ? 'it has no folders at all' : `its folders are ${listNames(names.slice(0, 8), 'and')}`;
    throw missing(
      root,
      'is not divided into train and test',
      `it needs \`train\` and one of ${listNames(TEST_NAMES)}, each with a folder for every class; ${there}`,
      'name another folder; with `split(test: 0.2)` the test images are taken from one tree of class folders',
    );
  }
  const trees = { train: readTree(root, train), test: readTree(root, test) };
  const { classes } = trees.train;
  if (classes.length === 0) throw missing(join(root, train), 'has no classes', LAYOUT, 'name another folder');
  const unknown = trees.test.classes.filter((name) => !classes.includes(name));
  refuseUnlearned(join(root, test), unknown);
  const listed = (split: Split): ListedImage[] =>
    classes.flatMap((name, label) => (trees[split].files.get(name) ?? []).map((path) => ({ path, label })));
  const images = { train: listed('train'), test: listed('test') };
  const misplaced = [...trees.train.misplaced, ...trees.test.misplaced];
  return { classes, images, misplaced, empty: emptyClasses(trees.train, train), unused: unusedOf(test, others) };
}

/** What is said where more than one part of a data set could hold its test images. */
export function unusedOf(test: string | undefined, others: readonly string[]): string | undefined {
  if (test === undefined || others.length === 0) return undefined;
  return `the test images are those of ${test}; ${listNames(others, 'and')} ${others.length === 1 ? 'is' : 'are'} not used`;
}

function emptyClasses({ classes, files }: Tree, inner: string): ClassFolders['empty'] {
  const empty = classes.filter((name) => files.get(name)?.length === 0);
  return empty.map((name) => (inner === '' ? name : `${inner}/${name}`));
}

function listOneTree(root: string, { test: share }: DataSplit): ClassFolders {
  const tree = readTree(root, '');
  if (tree.classes.length === 0) throw missing(root, 'has no classes', LAYOUT, 'name another folder');
  const images: Record<Split, ListedImage[]> = { train: [], test: [] };
  for (const [label, name] of tree.classes.entries()) {
    const paths = tree.files.get(name) ?? [];
    const isTest = divide(
      paths.map((path) => drawOf(named(path))),
      share,
    );
    for (const [index, path] of paths.entries()) images[isTest[index] ? 'test' : 'train'].push({ path, label });
  }
  return { classes: tree.classes, images, misplaced: tree.misplaced, empty: emptyClasses(tree, '') };
}
