import { DATASET_NAMES, isDatasetName } from '../datasets/registry.js';
import type { ImageSize } from '../datasets/source.js';
import { type Source, type UserError, userError } from '../diagnostics/diagnostic.js';
import { closest } from '../diagnostics/suggest.js';
import type { DatasetSpec } from '../ir/program.js';
import { type Shape, sameShape } from '../ir/types.js';
import { statSync } from '../platform/files.js';
import { extname } from '../platform/path.js';
import type { ImageSet } from '../training/data/dataset.js';
import { choosePlace, openClasses, openData, openSplit } from '../training/data/open.js';
import type { OpenOptions } from '../training/data/open-options.js';
import { isWritten, lowerWritten, unreadable } from './written-data.js';

/** Images that a model was not made for, with the labels that it has for their classes. */
export interface OtherData {
  /** As a file would have it: `folder("photos")`. */
  readonly name: string;
  readonly set: ImageSet;
}

export interface OtherDataOptions extends Omit<OpenOptions, 'place' | 'classes' | 'whole'> {
  /** What the model takes: height, width and channels. */
  readonly shape: Shape;
  /** How the run's own images come to that size, where they had another. */
  readonly size: ImageSize | undefined;
  /** Names of the model's classes by label; undefined where it results in none. */
  readonly classes: readonly string[] | undefined;
  /** The folder of data sets that are known by name. */
  readonly data: string | undefined;
}

/** Kinds of files by how their names end. */
const KINDS: Readonly<Record<string, string>> = { '.npz': 'npz', '.csv': 'csv', '.parquet': 'parquet' };

function noData(text: string, why: string, fix: string): UserError {
  return userError('AMP7022', `${OPTION} ${text === '' ? "''" : text} is no data set`, why, fix);
}

const TAKES = 'give the path of a folder, of a .npz, .csv or .parquet file, or a data set as a file has it: cifar10, or folder("photos")';

/** What a caller wrote: a data set as in a file, or a path alone. Throws UserError AMP7022 for what is neither. */
function written(text: string): string {
  if (text.trim() === '') throw noData(text.trim(), 'it is empty', TAKES);
  const found = statSync(text, { throwIfNoEntry: false });
  const kind = found?.isDirectory() ? 'folder' : KINDS[extname(text).toLowerCase()];
  if (found !== undefined && kind !== undefined) return `${kind}(${JSON.stringify(text)})`;
  if (isDatasetName(text) || isWritten(text)) return text;
  if (extname(text) === '.amp') throw noData(text, 'a .amp file is a program, and has no images', TAKES);
  if (found !== undefined) throw noData(text, 'it is a file of a kind that has no images with labels', TAKES);
  const near = closest(text, DATASET_NAMES);
  const fix = near === undefined ? TAKES : `did you mean \`${near}\`? Else ${TAKES}`;
  throw noData(text, 'there is no folder or file there, and no data set is known by that name', fix);
}

const OPTION = '--data-set';

/** Of what is divided nothing else is asked; what is not is read as if it were, and all of it taken. */
const UNDIVIDED = ' split(test: 0.5)';

interface Read {
  readonly spec: DatasetSpec;
  readonly at: Source;
  /** Whether nothing divides it. */
  readonly whole: boolean;
}

function specOf(text: string, { shape, size }: OtherDataOptions): Read {
  const dataset = written(text);
  const [height, width, channels] = shape as readonly [number, number, number];
  const how = size === undefined ? '' : `, fit: ${size.fit}, filter: ${size.filter}`;
  const read = (split: string): Read => {
    const { spec: found, at } = lowerWritten(OPTION, dataset, `size([${height}, ${width}]${how})${split}`);
    const { source } = found;
    const whole = split !== '';
    if (!('channels' in source)) return { spec: found, at, whole };
    // Pictures are decoded to as many channels as there should be.
    return { spec: { ...found, source: { ...source, channels }, image: [height, width, channels] }, at, whole };
  };
  try {
    return read('');
  } catch (error) {
    try {
      return read(UNDIVIDED);
    } catch {
      throw unreadable(error);
    }
  }
}

async function open({ spec, at, whole }: Read, { data, classes: _, shape: _s, size: _z, ...rest }: OtherDataOptions) {
  const isKnown = spec.source.kind === 'known';
  const place = await choosePlace(spec, isKnown ? data : undefined, undefined, at);
  if (!isKnown) return openData(spec, { ...rest, place, whole });
  return { classes: await openClasses(spec, { ...rest, place }), test: await openSplit(spec, 'test', { ...rest, place }) };
}

/** The labels of a model for classes of these names. Throws UserError AMP7017 for a class that it does not have. */
function matchLabels(name: string, found: readonly string[], own: readonly string[], labels: Int32Array): Int32Array {
  const known = new Map(own.map((title, label) => [title, label]));
  const used = new Set(labels);
  const unknown = found.filter((title, label) => used.has(label) && !known.has(title));
  if (unknown.length > 0)
    throw userError(
      'AMP7017',
      `the classes of ${name} are not those of the model`,
      `it has ${found.join(', ')}; the model was trained for ${own.join(', ')}`,
      `${unknown.length === 1 ? `${unknown[0]} is no class` : `${unknown.join(', ')} are no classes`} of the model: name them as it does`,
    );
  return labels.map((label) => known.get(found[label]!)!);
}

/**
 * The test images of a data set that is written as in a file (`folder("photos")`, `cifar100`), or is the path of a folder or file; of one
 * that is not divided all images. Their classes are matched by name. Throws UserError: for a data set that cannot be read, AMP7006 for
 * images of another size, AMP7017 for classes that the model does not have.
 */
export async function openOther(text: string, options: OtherDataOptions): Promise<OtherData> {
  const read = specOf(text, options);
  const { spec } = read;
  const { classes, test } = await open(read, options);
  if (!sameShape(test.shape, options.shape))
    throw userError(
      'AMP7006',
      `${spec.name} does not fit the model`,
      `it has images [${test.shape.join(', ')}], the model takes [${options.shape.join(', ')}]`,
      'name a data set with images of as many channels',
    );
  if (options.classes === undefined) return { name: spec.name, set: test };
  return { name: spec.name, set: { ...test, labels: matchLabels(spec.name, classes, options.classes, test.labels) } };
}
