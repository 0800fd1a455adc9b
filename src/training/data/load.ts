import { DATASETS, type DatasetName, type Split } from '../../datasets/registry.js';
import { UserError } from '../../diagnostics/diagnostic.js';
import { isThere } from '../../files/system-error.js';
import { assertNever } from '../../ir/types.js';
import { join } from '../../platform/path.js';
import { changedFile } from './changed-file.js';
import { compareChecksums } from './checksums.js';
import { countPerClass, type Dataset, type DatasetReport, type ImageSet } from './dataset.js';
import { defaultDataFolder } from './folder.js';
import { type Form, findForm, isIn, readClasses, readForm, refuseMissing } from './forms.js';
import { md5OfFile } from './md5-of-file.js';
import type { DatasetSource } from './source.js';
import { datasetName, SOURCES } from './sources.js';

/**
 * Whether the files of a data set that ampc generates are not there, or cannot be looked for. Its folder, once written by `fetch`, is used
 * as any other.
 */
async function hasNoFiles(source: DatasetSource, dir: string | undefined): Promise<boolean> {
  try {
    return !(await isIn(source, dir ?? defaultDataFolder()));
  } catch (error) {
    if (dir === undefined && error instanceof UserError) return true;
    throw error;
  }
}

/** Whether a run's data set is where it was; a folder that may not be looked at any more is none. */
async function isStillIn(source: DatasetSource, dir: string): Promise<boolean> {
  try {
    return await isIn(source, dir);
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/**
 * The data folder to use: the one that is given, else the one that a run was trained from if the data set is there still, else the default,
 * unless it is in neither: what is missing is then said of the run's. Undefined where that cannot be used and the data set needs none.
 * Throws UserError AMP7014 where another needs one.
 */
export async function chooseDataFolder(
  name: DatasetName,
  given: string | undefined,
  ofRun: string | undefined,
): Promise<string | undefined> {
  if (given !== undefined) return given;
  const source = SOURCES[name];
  if (ofRun !== undefined && (await isStillIn(source, ofRun))) return ofRun;
  if (source.origin.kind !== 'generated') {
    const usual = defaultDataFolder();
    return ofRun === undefined || (await isStillIn(source, usual)) ? usual : ofRun;
  }
  try {
    await isIn(source, defaultDataFolder());
    return defaultDataFolder();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** The form of a data set that is there. Throws UserError AMP7001 where there is none. */
async function requireForm(source: DatasetSource, dir: string | undefined): Promise<Form> {
  const folder = dir ?? defaultDataFolder();
  return (await findForm(source, folder)) ?? refuseMissing(source, folder);
}

export interface Availability {
  /** Undefined: it is not there. */
  readonly place: string | undefined;
  readonly isGenerated: boolean;
  /** Bytes that `ampc data fetch` brings; undefined where there are none to bring. */
  readonly download: number | undefined;
}

function downloadOf({ origin }: DatasetSource): number | undefined {
  switch (origin.kind) {
    case 'archive':
      return origin.size;
    case 'files':
      return origin.files.reduce((sum, { size }) => sum + size, 0);
    case 'generated':
      return undefined;
    default:
      return assertNever(origin);
  }
}

/** Where a data set is, if it is there. */
export async function findPlace(name: DatasetName, dir: string): Promise<Availability> {
  const source = SOURCES[name];
  const place = (await isIn(source, dir)) ? dir : undefined;
  return { place, isGenerated: source.origin.kind === 'generated', download: downloadOf(source) };
}

/**
 * One split of a data set. `dir` is the data folder (default: `defaultDataFolder()`).
 * Throws UserError: AMP7001 files missing, AMP7003, AMP7004 and AMP7020 a damaged file, AMP7014 no folder, AMP6110 the system's errors.
 */
export async function loadSplit(name: DatasetName, split: Split, dir?: string): Promise<ImageSet> {
  const source = SOURCES[name];
  const { origin } = source;
  if (origin.kind === 'generated' && (await hasNoFiles(source, dir))) return origin.generate(split);
  return readForm(await requireForm(source, dir), split);
}

/** Names of a data set's classes, by label; numbers where its files are not there. */
export async function loadClasses(name: DatasetName, dir?: string): Promise<readonly string[]> {
  const { classNames, classes } = DATASETS[name];
  if (classNames !== undefined) return classNames;
  const form = await findForm(SOURCES[name], dir ?? defaultDataFolder());
  return form === undefined ? Array.from({ length: classes }, (_, label) => String(label)) : readClasses(form);
}

/** Both splits; errors as `loadSplit`. */
export async function loadDataset(name: DatasetName, dir?: string): Promise<Dataset> {
  const source = SOURCES[name];
  const { origin } = source;
  if (origin.kind === 'generated' && (await hasNoFiles(source, dir)))
    return { name, classes: await loadClasses(name, dir), train: origin.generate('train'), test: origin.generate('test') };
  const form = await requireForm(source, dir);
  return { name, train: await readForm(form, 'train'), test: await readForm(form, 'test'), classes: await readClasses(form) };
}

function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function isSameSet(a: ImageSet, b: ImageSet): boolean {
  return isSameBytes(a.images, b.images) && a.labels.every((label, i) => label === b.labels[i]);
}

/** Compares every byte with what it should be, where that is known; whether it is. Throws UserError AMP7015. */
async function bytesAreRight({ origin }: DatasetSource, form: Form, found: Readonly<Record<Split, ImageSet>>): Promise<boolean> {
  const { place: folder, layout } = form;
  const { files } = layout;
  switch (origin.kind) {
    case 'archive':
      return compareChecksums(folder, [...files.train, ...files.test]);
    case 'files':
      for (const { file, md5 } of origin.files) {
        const path = join(folder, file);
        // Unpacked, or somebody's own: nothing tells how it should be.
        if (!(await isThere(path))) return false;
        if ((await md5OfFile(path)) !== md5) throw changedFile(path, 'its md5 is not the one that is published');
      }
      return true;
    case 'generated':
      for (const split of ['train', 'test'] as const) {
        const right = origin.generate(split);
        // A smaller set of somebody's own, written in the same format.
        if (found[split].count !== right.count) return false;
        if (!isSameSet(found[split], right)) throw changedFile(join(folder, files[split][0]!), 'it is not what ampc generates');
      }
      return true;
    default:
      return assertNever(origin);
  }
}

/**
 * Reads everything, checks sizes and labels, and bytes where it is known how they should be, and counts. Throws as `loadSplit`, AMP7002 for
 * an unknown name, and AMP7015.
 */
export async function checkDataset(name: string, dir?: string): Promise<DatasetReport> {
  const source = SOURCES[datasetName(name)];
  const isGenerated = source.origin.kind === 'generated' && (await hasNoFiles(source, dir));
  const { classes, train, test } = await loadDataset(source.name, dir);
  const form = isGenerated ? undefined : await requireForm(source, dir);
  return {
    name: source.name,
    folder: form?.place,
    classes,
    checked: form === undefined || (await bytesAreRight(source, form, { train, test })) ? 'bytes' : 'structure',
    train: train.count,
    test: test.count,
    trainPerClass: countPerClass(train, classes.length),
    testPerClass: countPerClass(test, classes.length),
  };
}
