import { dirname, resolve } from 'node:path';
import type { Split } from '../datasets/registry.js';
import type { DataSplit } from '../datasets/source.js';
import { userError } from '../diagnostics/diagnostic.js';
import { badFile } from './bad-file.js';
import { type ClassFolders, type ListedImage, labelsOf, TEST_NAMES, unusedOf } from './class-folders.js';
import { checkLearned, checkNames, numberedClasses } from './classes.js';
import { divide, drawOf } from './divide.js';
import { readBytes } from './read-bytes.js';
import { byCodePoint } from './walk.js';

/** What stands between fields: a comma, or what spreadsheets write where commas are in numbers, or by wish. */
const SEPARATORS = [',', ';', '\t'];

/** That of the first line: the one that parts it into the most fields. */
function separatorOf(text: string): string {
  const [header = ''] = text.split(/[\r\n]/, 1);
  const fields = SEPARATORS.map((separator) => header.split(separator).length);
  return SEPARATORS[fields.indexOf(Math.max(...fields))]!;
}

interface Row {
  /** Where it begins, counted from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** The fields of each row; quoted ones may hold separators, line breaks and doubled quotes (RFC 4180). Empty lines are left out. */
function parseCsv(text: string): Row[] {
  const rows: Row[] = [];
  let fields: string[] = [];
  let [line, next] = [1, 1];
  const separator = separatorOf(text);
  const field = new RegExp(`("(?:[^"]|"")*"|[^${separator}\\r\\n]*)(${separator}|\\r?\\n|\\r|$)`, 'y');
  while (field.lastIndex < text.length) {
    const [all = '', value = '', end = ''] = field.exec(text) ?? [undefined, text.slice(field.lastIndex), ''];
    next += all.match(/\r\n?|\n/g)?.length ?? 0;
    fields.push(value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1).replaceAll('""', '"') : value.trim());
    if (end === separator) continue;
    if (fields.length > 1 || fields[0] !== '') rows.push({ line, fields });
    fields = [];
    line = next;
    if (end === '') break;
  }
  // The text ends behind a separator.
  if (fields.length > 0) rows.push({ line, fields: [...fields, ''] });
  return rows;
}

function decodeText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badFile(path, 'it is not in UTF-8', 'save it as CSV in UTF-8');
  }
}

/** A path as it was written on Windows, or as it is. */
function withSlashes(path: string): string {
  return path.includes('/') ? path : path.replaceAll('\\', '/');
}

const SIDES: Readonly<Record<string, Split>> = {
  train: 'train',
  training: 'train',
  test: 'test',
  val: 'test',
  valid: 'test',
  validation: 'test',
};

/** A line of the list: a picture, the name of its class, and on which side it is. */
interface Listed {
  readonly line: number;
  readonly file: string;
  readonly name: string;
  readonly side: string;
}

const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;
/** As a label is written, or as what came to be a column of floats. */
const WHOLE = /^(?:0|[1-9]\d{0,8})(?:\.0+)?$/;

/**
 * The classes, and the label of each name. Whole numbers are in their order, and are the labels that they say; other names are in the order
 * of their code points. Throws UserError AMP7020 for numbers that are no labels.
 */
function classesOf(
  path: string,
  lines: readonly Listed[],
): { readonly classes: readonly string[]; readonly labels: ReadonlyMap<string, number> } {
  const names = [...new Set(lines.map(({ name }) => name))];
  if (names.every((name) => WHOLE.test(name))) {
    const labels = new Map(names.map((name) => [name, Number(name)]));
    return { classes: numberedClasses(path, labels.values(), 'name them in the column `label`'), labels };
  }
  if (names.every((name) => NUMBER.test(name))) {
    const odd = lines.find(({ name }) => Number(name) < 0 || !Number.isInteger(Number(name)));
    if (odd !== undefined)
      throw badFile(path, `line ${odd.line} has the label ${odd.name}`, 'number the classes from 0 on, or name them: a label is a class');
    const same = names.find((name, index) => names.findIndex((other) => Number(other) === Number(name)) !== index);
    if (same !== undefined)
      throw badFile(path, `the label ${Number(same)} is also written as ${same}`, 'write each label in one way in all lines');
  }
  const classes = names.sort(byCodePoint);
  return { classes, labels: new Map(classes.map((name, index) => [name, index])) };
}

/** Throws UserError AMP7020 where a picture has two classes, or is both trained on and tested. */
function refuseContradictions(path: string, lines: readonly Listed[], root: string): void {
  const seen = new Map<string, Listed>();
  for (const found of lines) {
    const before = seen.get(resolve(root, found.file));
    seen.set(resolve(root, found.file), found);
    if (before === undefined) continue;
    const both = `lines ${before.line} and ${found.line} have the picture ${found.file}`;
    if (before.name !== found.name)
      throw badFile(path, `${both}, once as ${before.name} and once as ${found.name}`, 'give each picture one class');
    if (SIDES[before.side] !== SIDES[found.side])
      throw badFile(path, `${both}, once for training and once for testing`, 'leave it in one of the two');
  }
}

/** Which lines of a class are for testing: all of a picture, or none. */
function testOf(lines: readonly Listed[], { test: share }: DataSplit): (line: Listed) => boolean {
  const files = [...new Set(lines.map(({ file }) => file))];
  const isTest = divide(
    files.map((file) => drawOf(file)),
    share,
  );
  const tested = new Set(files.filter((_, at) => isTest[at]));
  return ({ file }) => tested.has(file);
}

/**
 * The pictures of a list with the columns `path` and `label`, and `split` where it has one; paths are from the folder of the list. Throws
 * UserError: AMP7016 a list of another form, AMP7020 a bad line, AMP6110.
 */
export function readCsvList(path: string, split: DataSplit | undefined): ClassFolders & { readonly root: string } {
  const text = decodeText(path, readBytes(path));
  const [{ fields: header } = { fields: [] }, ...rows] = parseCsv(text);
  const titles = header.map((title) => title.toLowerCase());
  const refuse = (message: string, why: string, fix: string): never => {
    throw userError('AMP7016', `${path} ${message}`, why, fix);
  };
  const column = (name: string): number => {
    const at = titles.indexOf(name);
    if (at === titles.lastIndexOf(name)) return at;
    return refuse(
      `has two columns \`${name}\``,
      `its first line is ${header.join(',')}`,
      'leave one of them, or give the other another name',
    );
  };
  const [at, label, side] = [column('path'), column('label'), column('split')];
  if (at < 0 || label < 0)
    refuse(
      'has no columns `path` and `label`',
      `its first line is ${header.join(',') || 'empty'}`,
      'let the first line be `path,label`, or `path,label,split`',
    );
  if (split === undefined && side < 0)
    refuse(
      'does not say which pictures are for testing',
      'it has no column `split`',
      'add the column, with train or test in each line, or `split(test: 0.2)` to the dataset section',
    );
  if (split !== undefined && side >= 0)
    refuse('has a column `split` already', 'it says which pictures are for testing', 'leave out `split(…)`');
  const all = rows.map(({ line, fields }): Listed => {
    const [file, name] = [withSlashes(fields[at] ?? ''), (fields[label] ?? '').normalize('NFC')];
    if (file === '' || name === '') throw badFile(path, `line ${line} has no path or no label`, 'complete the line, or remove it');
    const written = side < 0 ? 'train' : (fields[side] ?? '').toLowerCase();
    if (!Object.hasOwn(SIDES, written))
      throw badFile(path, `line ${line} is for \`${written}\``, 'let the column `split` be train or test in each line');
    return { line, file, name, side: written };
  });
  if (all.length === 0) refuse('has no pictures', 'it has no line behind the first', 'add a line for each picture');
  // As in a folder that has both.
  const others = all.some((one) => one.side === 'test')
    ? [...new Set(all.map((one) => one.side))].filter((one) => TEST_NAMES.includes(one))
    : [];
  const unused = others.filter((one) => one !== 'test');
  const lines = all.filter((one) => !unused.includes(one.side));
  const root = dirname(path);
  refuseContradictions(path, lines, root);
  const { classes, labels } = classesOf(path, lines);
  checkNames(path, classes);
  const images: Record<Split, ListedImage[]> = { train: [], test: [] };
  const ofClass = Array.from(classes, (): Listed[] => []);
  for (const line of lines) ofClass[labels.get(line.name)!]!.push(line);
  for (const [label, own] of ofClass.entries()) {
    const isTest = split === undefined ? (line: Listed) => SIDES[line.side] === 'test' : testOf(own, split);
    for (const line of own) images[isTest(line) ? 'test' : 'train'].push({ path: line.file, label });
  }
  checkLearned(path, classes, labelsOf(images.train), labelsOf(images.test));
  return { root, classes, images, misplaced: [], empty: [], unused: unusedOf('test', unused) };
}
