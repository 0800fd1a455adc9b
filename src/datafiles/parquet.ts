import { join } from 'node:path';
import type { Split } from '../datasets/registry.js';
import type { DataSplit } from '../datasets/source.js';
import { userError } from '../diagnostics/diagnostic.js';
import { listNames } from '../diagnostics/suggest.js';
import { badFile } from './bad-file.js';
import { type ClassFolders, type ListedImage, labelsOf, TEST_NAMES, unusedOf } from './class-folders.js';
import { checkLearned, checkNames, numberedClasses } from './classes.js';
import { divide, drawOf } from './divide.js';
import { findFiles, isPattern } from './glob.js';
import { type ColumnNames, findColumns, type ImageColumns } from './parquet-columns.js';
import { openParquet, type ParquetFile, readColumn } from './parquet-file.js';
import { byCodePoint } from './walk.js';

/** A file of rows, each a picture and its label. */
export interface ParquetTable {
  readonly file: ParquetFile;
  /** Path of the column of pictures. */
  readonly image: readonly string[];
}

export interface ParquetList extends ClassFolders {
  readonly root: string;
  /** By the paths of the files from the root; the path of a picture is that of its file and its row, `train.parquet#7`. */
  readonly tables: ReadonlyMap<string, ParquetTable>;
}

export function rowPath(file: string, row: number): string {
  return `${file}#${row}`;
}

/** The file and row of a picture's path. */
export function parseRowPath(path: string): { readonly file: string; readonly row: number } {
  const at = path.lastIndexOf('#');
  return { file: path.slice(0, at), row: Number(path.slice(at + 1)) };
}

const SIDE_NAMES: readonly string[] = ['train', ...TEST_NAMES];

/** The word of a split in a file's name, such as `train-00000-of-00002.parquet`, or in that of the nearest folder that has one. */
function sideOf(path: string): string | undefined {
  const words = path
    .split('/')
    .reverse()
    .flatMap((part) => part.toLowerCase().split(/[^a-z]+/));
  return words.find((word) => SIDE_NAMES.includes(word));
}

interface Read {
  readonly path: string;
  readonly table: ParquetTable;
  readonly columns: ImageColumns;
  readonly labels: readonly number[];
}

/** More classes than anybody names; where nothing says how many there are, a greater label is an accident. */
const MOST_CLASSES = 1_000_000;

function wrongLabel(path: string, row: number, label: unknown, classes: number | undefined): Error {
  if (label === undefined) return badFile(path, `row ${row} has no label`, 'remove the row, or name files in which all have labels');
  if (label === -1)
    return userError(
      'AMP7020',
      `cannot use ${path}`,
      `row ${row} has the label -1, with which Hugging Face marks pictures whose class is not told`,
      'name files that have labels, as in `data/{train,validation}-*.parquet`',
    );
  return badFile(
    path,
    `row ${row} has label ${label}; labels go from 0 to ${(classes ?? MOST_CLASSES) - 1}`,
    classes === undefined ? 'number the classes from 0 on' : 'correct the label, or the names of the classes in the file',
  );
}

function readTable(root: string, path: string, named: ColumnNames): Read {
  const at = join(root, path);
  const file = openParquet(at);
  const columns = findColumns(file, named);
  const values = file.groups.flatMap((_, group) => readColumn(file, group, columns.label));
  const classes = columns.names?.length;
  const labels = values.map((value, row) => {
    const label = typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
    if (label === undefined || !Number.isInteger(label) || label < 0 || label >= (classes ?? MOST_CLASSES))
      throw wrongLabel(at, row, label, classes);
    return label;
  });
  return { path, table: { file, image: columns.image }, columns, labels };
}

/** Names of all files' classes; their numbers where no file has names. Throws UserError AMP7017 where two files have others. */
function classesOf(root: string, files: readonly Read[]): readonly string[] {
  const [first, ...others] = files.filter(({ columns }) => columns.names !== undefined);
  const names = first?.columns.names;
  if (first === undefined || names === undefined)
    return numberedClasses(
      root,
      files.flatMap(({ labels }) => labels),
      'let the column be a `ClassLabel` with names, as `Dataset.class_encode_column` makes it',
    );
  const other = others.find(({ columns }) => columns.names!.join('\n') !== names.join('\n'));
  if (other !== undefined)
    throw userError(
      'AMP7017',
      `${join(root, other.path)} has other classes than ${first.path}`,
      `${listNames(other.columns.names!.slice(0, 8), 'and')}, not ${listNames(names.slice(0, 8), 'and')}`,
      'name the files of one data set',
    );
  for (const { path, labels } of files) {
    const row = labels.findIndex((label) => label >= names.length);
    if (row >= 0) throw wrongLabel(join(root, path), row, labels[row], names.length);
  }
  return names;
}

interface Sorted extends Readonly<Record<Split, readonly string[]>> {
  readonly unused?: string | undefined;
}

/** The files of each split, or of both. Throws UserError AMP7016 where the names do not tell, or tell what `split` says too. */
function sort(path: string, paths: readonly string[], split: DataSplit | undefined): Sorted {
  const refuse = (message: string, why: string, fix: string): never => {
    throw userError('AMP7016', `${path} ${message}`, why, fix);
  };
  const sides = new Map(paths.map((file) => [file, sideOf(file)]));
  const found = new Set(sides.values());
  const [test, ...others] = TEST_NAMES.filter((name) => found.has(name));
  const isDivided = found.has('train') && test !== undefined;
  if (split !== undefined) {
    if (isDivided) refuse(`has files of train and ${test} already`, 'they say which images are for testing', 'leave out `split`');
    return { train: paths, test: [] };
  }
  const there = listNames(paths.slice(0, 8), 'and');
  if (!isDivided)
    refuse(
      'has no files of train and of test',
      `one has \`train\` in its name, another one of ${listNames(TEST_NAMES)}; here ${paths.length === 1 ? 'is' : 'are'} ${there}`,
      'name other files; with `split(test: 0.2)` the test images are taken from those that there are',
    );
  const neither = paths.filter((file) => sides.get(file) === undefined);
  if (neither.length > 0)
    refuse(
      'has files that are neither for training nor for testing',
      listNames(neither.slice(0, 8), 'and'),
      'name those that are, as in `{train,test}-*.parquet`',
    );
  const of = (side: string | undefined): string[] => paths.filter((file) => sides.get(file) === side);
  return { train: of('train'), test: of(test), unused: unusedOf(test, others) };
}

/**
 * The pictures of Parquet files, by row: of one, of all below a folder, or of those that a pattern such as `data/*.parquet` names.
 * Their names say what is for training and what for testing, unless `split` divides them. Throws UserError: AMP7016 files of another
 * form or none, AMP7017 files of different classes, AMP7020 a damaged file or a label that is no class, AMP6110.
 */
export function listParquet(path: string, named: ColumnNames, split: DataSplit | undefined): ParquetList {
  const { root, paths } = findFiles(path, '.parquet');
  if (paths.length === 0)
    throw userError(
      'AMP7016',
      isPattern(path) ? `no file has a name like ${path}` : `${path} has no Parquet files, or is not there`,
      isPattern(path)
        ? 'a pattern has `*`, `?`, `**` and `{a,b}`, and is taken from the folder that the `.amp` file is in'
        : 'paths in a `.amp` file are taken from the folder that the file is in',
      'check the path, or name the files with --data',
    );
  const sorted = sort(path, [...paths].sort(byCodePoint), split);
  const files = {
    train: sorted.train.map((file) => readTable(root, file, named)),
    test: sorted.test.map((file) => readTable(root, file, named)),
  };
  const all = [...files.train, ...files.test];
  const classes = classesOf(root, all);
  checkNames(root, classes);
  const listed = (side: readonly Read[]): ListedImage[] =>
    side.flatMap(({ path: file, labels }) => labels.map((label, row) => ({ path: rowPath(file, row), label })));
  const images =
    split === undefined ? { train: listed(files.train), test: listed(files.test) } : divided(listed(all), classes.length, split);
  checkLearned(path, classes, labelsOf(images.train), labelsOf(images.test));
  return {
    root,
    classes,
    images,
    misplaced: [],
    empty: [],
    unused: sorted.unused,
    tables: new Map(all.map(({ path: file, table }) => [file, table])),
  };
}

/** In the order of the files, which are then read one after another. */
function divided(images: readonly ListedImage[], classes: number, { test: share }: DataSplit): ClassFolders['images'] {
  const isTest = new Set<ListedImage>();
  const ofClass = Array.from({ length: classes }, (): ListedImage[] => []);
  for (const image of images) ofClass[image.label]!.push(image);
  for (const own of ofClass) {
    const sides = divide(
      own.map(({ path }) => drawOf(path)),
      share,
    );
    for (const [index, image] of own.entries()) if (sides[index]) isTest.add(image);
  }
  return { train: images.filter((image) => !isTest.has(image)), test: images.filter((image) => isTest.has(image)) };
}
