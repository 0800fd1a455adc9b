import { dirname } from 'node:path';
import type { Split } from '../datasets/registry.js';
import type { DataSplit } from '../datasets/source.js';
import { userError } from '../diagnostics/diagnostic.js';
import { badFile } from './bad-file.js';
import { byCodePoint, type ClassFolders, type ListedImage, labelsOf } from './class-folders.js';
import { checkLearned, numberedClasses } from './classes.js';
import { divide, drawOf } from './divide.js';
import { readBytes } from './read-bytes.js';

/** What stands between fields: a comma, or what spreadsheets write where commas are in numbers, or by wish. */
const SEPARATORS = [',', ';', '\t'];

/** That of the first line: the one that parts it into the most fields. */
function separatorOf(text: string): string {
  const [header = ''] = text.split(/[\r\n]/, 1);
  const fields = SEPARATORS.map((separator) => header.split(separator).length);
  return SEPARATORS[fields.indexOf(Math.max(...fields))]!;
}

/** The fields of each line; quoted ones may hold separators, line breaks and doubled quotes (RFC 4180). Empty lines are left out. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const separator = separatorOf(text);
  const field = new RegExp(`("(?:[^"]|"")*"|[^${separator}\\r\\n]*)(${separator}|\\r?\\n|\\r|$)`, 'y');
  while (field.lastIndex < text.length) {
    const [, value = '', end = ''] = field.exec(text) ?? [undefined, text.slice(field.lastIndex), ''];
    row.push(value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1).replaceAll('""', '"') : value.trim());
    if (end === separator) continue;
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
    if (end === '') break;
  }
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

/** Numbers are in their order, and so have the labels that they say; other names are in the order of their code points. */
function classesOf(path: string, labels: readonly string[]): string[] {
  const names = [...new Set(labels)];
  if (!names.every((name) => /^\d{1,9}$/.test(name))) return names.sort(byCodePoint);
  return numberedClasses(path, names.map(Number), 'name them in the column `label`');
}

/**
 * The pictures of a list with the columns `path` and `label`, and `split` where it has one; paths are from the folder of the list. Throws
 * UserError: AMP7016 a list of another form, AMP7020 a bad line, AMP6110.
 */
export function readCsvList(path: string, split: DataSplit | undefined): ClassFolders & { readonly root: string } {
  const text = decodeText(path, readBytes(path));
  const [header = [], ...rows] = parseCsv(text);
  const column = (name: string): number => header.findIndex((title) => title.toLowerCase() === name);
  const [at, label, side] = [column('path'), column('label'), column('split')];
  const refuse = (message: string, why: string, fix: string): never => {
    throw userError('AMP7016', `${path} ${message}`, why, fix);
  };
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
  const lines = rows.map((row, index) => {
    const [file, name] = [withSlashes(row[at] ?? ''), (row[label] ?? '').normalize('NFC')];
    if (file === '' || name === '') throw badFile(path, `line ${index + 2} has no path or no label`, 'complete the line, or remove it');
    const written = side < 0 ? 'train' : (row[side] ?? '').toLowerCase();
    const isOn = Object.hasOwn(SIDES, written) ? SIDES[written] : undefined;
    if (isOn === undefined)
      throw badFile(path, `line ${index + 2} is for \`${written}\``, 'let the column `split` be train or test in each line');
    return { file, name, side: isOn };
  });
  const classes = classesOf(
    path,
    lines.map(({ name }) => name),
  );
  const labels = new Map(classes.map((name, index) => [name, index]));
  const images: Record<Split, ListedImage[]> = { train: [], test: [] };
  for (const [name, number] of labels) {
    const own = lines.filter((line) => line.name === name);
    const isTest =
      split === undefined
        ? undefined
        : divide(
            own.map(({ file }) => drawOf(file)),
            split.test,
          );
    for (const [index, line] of own.entries()) images[isTest?.[index] ? 'test' : line.side].push({ path: line.file, label: number });
  }
  checkLearned(path, classes, labelsOf(images.train), labelsOf(images.test));
  return { root: dirname(path), classes, images, misplaced: [], empty: [] };
}
