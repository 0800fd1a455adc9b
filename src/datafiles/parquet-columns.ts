import type { SchemaTree } from 'hyparquet';
import { userError } from '../diagnostics/diagnostic.js';
import { listNames } from '../diagnostics/suggest.js';
import { isRecord, isText, listOf } from '../files/json-form.js';
import { badFile } from './bad-file.js';
import type { ParquetFile } from './parquet-file.js';

/** Columns that a program names; undefined: by the names that Hugging Face's sets have. */
export interface ColumnNames {
  readonly image?: string | undefined;
  readonly label?: string | undefined;
}

export interface ImageColumns {
  /** Paths of the columns below the root of the schema. */
  readonly image: readonly string[];
  readonly label: readonly string[];
  /** Of the classes, where the file has them. */
  readonly names: readonly string[] | undefined;
}

/** The first that is there counts. */
const USUAL = { image: ['image', 'img'], label: ['label', 'labels', 'fine_label'] } as const;

function isText8({ element }: SchemaTree): boolean {
  return element.converted_type === 'UTF8' || element.logical_type?.type === 'STRING';
}

function isBinary(tree: SchemaTree): boolean {
  const { type, repetition_type: repetition } = tree.element;
  return type === 'BYTE_ARRAY' && repetition !== 'REPEATED' && !isText8(tree);
}

/** Where the encoded pictures of a column are: in itself, or in the `bytes` of a struct. Undefined: it has none. */
function picturesIn(tree: SchemaTree): readonly string[] | undefined {
  if (tree.element.repetition_type === 'REPEATED') return undefined;
  const inner = tree.children.length === 0 ? tree : tree.children.find(({ element }) => element.name === 'bytes');
  return inner !== undefined && isBinary(inner) ? inner.path : undefined;
}

const WHOLE = new Set([undefined, 'INT_8', 'INT_16', 'INT_32', 'INT_64', 'UINT_8', 'UINT_16', 'UINT_32', 'UINT_64']);

function isWhole({ element, children }: SchemaTree): boolean {
  const { type, converted_type: converted, logical_type: logical, repetition_type: repetition } = element;
  if (children.length > 0 || repetition === 'REPEATED' || (type !== 'INT32' && type !== 'INT64')) return false;
  return WHOLE.has(converted) && (logical === undefined || logical.type === 'INTEGER');
}

/** Names of a column's classes, from what the library `datasets` keeps in the file. */
function classNames({ path, metadata }: ParquetFile, label: string): readonly string[] | undefined {
  const kept = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  if (kept === undefined) return undefined;
  let found: unknown;
  try {
    found = JSON.parse(kept);
  } catch {
    throw badFile(path, 'what Hugging Face keeps in it, `huggingface`, is not JSON');
  }
  for (const key of ['info', 'features', label, 'names']) found = isRecord(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  return listOf(isText)(found) ? (found as string[]).map((name) => name.normalize('NFC')) : undefined;
}

/** Which columns hold pictures and labels. Throws UserError AMP7016 where none does, or it is not clear which. */
export function findColumns(file: ParquetFile, named: ColumnNames): ImageColumns {
  const columns = file.schema.children;
  const has = columns.length === 0 ? 'it has no columns' : `its columns are ${listNames(columns.slice(0, 12).map(nameOf), 'and')}`;
  const refuse = (message: string, why: string, fix: string): never => {
    throw userError('AMP7016', `${file.path} ${message}`, why, fix);
  };
  const choose = (kind: 'image' | 'label', isOne: (tree: SchemaTree) => boolean, what: string): SchemaTree => {
    const asked = named[kind];
    const possible = columns.filter(isOne);
    const wanted: readonly string[] = asked === undefined ? USUAL[kind] : [asked];
    const usual = wanted.flatMap((name) => possible.filter((tree) => nameOf(tree) === name))[0];
    if (usual !== undefined) return usual;
    const other = columns.find((tree) => wanted.includes(nameOf(tree)));
    if (other !== undefined)
      return refuse(`has no ${what} in its column \`${nameOf(other)}\``, `that column is ${describe(other)}`, FIXES[kind](possible));
    if (asked !== undefined) return refuse(`has no column \`${asked}\``, has, FIXES[kind](possible));
    // Any column of bytes can only be the pictures; a whole number may be anything.
    if (kind === 'image' && possible.length === 1) return possible[0]!;
    const several = kind === 'image' && possible.length > 1;
    return refuse(several ? 'has several columns that may be the pictures' : `has no column of ${what}`, has, FIXES[kind](possible));
  };
  const image = choose('image', (tree) => picturesIn(tree) !== undefined, 'pictures');
  const label = choose('label', isWhole, 'labels');
  return { image: picturesIn(image)!, label: label.path, names: classNames(file, nameOf(label)) };
}

function nameOf({ element }: SchemaTree): string {
  return element.name;
}

function describe(tree: SchemaTree): string {
  if (tree.children.length > 0) return `made of ${listNames(tree.children.map(nameOf), 'and')}`;
  return isText8(tree) ? 'text' : (tree.element.logical_type?.type ?? tree.element.converted_type ?? tree.element.type ?? 'of no type');
}

const FIXES = {
  image: (possible: readonly SchemaTree[]) =>
    possible.length > 0
      ? `name the column, as in \`image: "${nameOf(possible[0]!)}"\``
      : 'name other files: pictures are a column of bytes, or of a struct with `bytes`',
  label: (possible: readonly SchemaTree[]) =>
    possible.length > 0
      ? `name the column, as in \`label: "${nameOf(possible[0]!)}"\``
      : "make the labels whole numbers, as `class_encode_column` of Hugging Face's library does with text",
} as const;
