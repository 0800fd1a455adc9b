import { join } from 'node:path';
import { UserError, userError } from '../../diagnostics/diagnostic.js';
import { RECORD_BYTES } from './binary.js';
import { changedFile, compareChecksums } from './checksums.js';
import { CIFAR10 } from './cifar10.js';
import { countPerClass, type Dataset, type DatasetReport, type ImageSet, type Split } from './dataset.js';
import { defaultDataFolder, type FolderLayout, filesFolder, missingFiles, readClasses, readSplit, requireFiles } from './folder.js';
import { generateShapes, SHAPES } from './shapes.js';
import { SHAPE_CLASSES } from './shapes-draw.js';

/** Every data set that a `.amp` file can name. */
export const DATASET_NAMES = ['cifar10', 'shapes'] as const;
export type DatasetName = (typeof DATASET_NAMES)[number];

const LAYOUTS: Readonly<Record<DatasetName, FolderLayout>> = { cifar10: CIFAR10, shapes: SHAPES };

/** Throws UserError AMP7002 for a name that is not a data set. */
export function datasetLayout(name: string): FolderLayout {
  const known = DATASET_NAMES.find((candidate) => candidate === name);
  if (known === undefined) {
    throw userError('AMP7002', `there is no data set '${name}'`, `ampc knows ${DATASET_NAMES.join(' and ')}`, 'name one of these');
  }
  return LAYOUTS[known];
}

/** Images of both splits as they are published; all are 32x32 with three channels. */
const IMAGES: Readonly<Record<DatasetName, number>> = { cifar10: 60_000, shapes: 12_000 };

/** Bytes that a data set takes in memory, with its labels. Throws UserError AMP7002 for a name that is not a data set. */
export function datasetBytes(name: string): number {
  return IMAGES[datasetLayout(name).name as DatasetName] * RECORD_BYTES;
}

/** `shapes` needs no files: without them, or where they cannot be looked for, it is generated. Its folder, once written by `fetch`, is used as any other. */
async function isGenerated(layout: FolderLayout, dir: string | undefined): Promise<boolean> {
  if (layout.name !== SHAPES.name) return false;
  try {
    return (await missingFiles(layout, dir ?? defaultDataFolder())).length > 0;
  } catch (error) {
    if (dir === undefined && error instanceof UserError) return true;
    throw error;
  }
}

/** Whether a run's data set is where it was; a folder that may not be looked at any more is none. */
async function isStillIn(layout: FolderLayout, dir: string): Promise<boolean> {
  try {
    return (await missingFiles(layout, dir)).length === 0;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/**
 * The data folder to use: the one that is given, else the one that a run was trained from if the data set is there still, else the default,
 * unless it is in neither: what is missing is then said of the run's. Undefined where that cannot be used and the data set needs none. Throws UserError AMP7014 where another needs one.
 */
export async function chooseDataFolder(name: string, given: string | undefined, ofRun: string | undefined): Promise<string | undefined> {
  if (given !== undefined) return given;
  const layout = datasetLayout(name);
  if (ofRun !== undefined && (await isStillIn(layout, ofRun))) return ofRun;
  if (layout.name !== SHAPES.name) {
    const usual = defaultDataFolder();
    return ofRun === undefined || (await isStillIn(layout, usual)) ? usual : ofRun;
  }
  try {
    await missingFiles(layout, defaultDataFolder());
    return defaultDataFolder();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/**
 * One split of a data set. `dir` is the data folder (default: `defaultDataFolder()`).
 * Throws UserError: AMP7001 files missing, AMP7003/AMP7004 a damaged file, AMP7002 an unknown name, AMP7014 no folder, AMP6110 the system's errors.
 */
export async function loadSplit(name: string, split: Split, dir?: string): Promise<ImageSet> {
  const layout = datasetLayout(name);
  if (await isGenerated(layout, dir)) return generateShapes(split);
  const folder = dir ?? defaultDataFolder();
  await requireFiles(layout, folder);
  return readSplit(layout, folder, split);
}

/** Names of a data set's classes, by label. */
export async function loadClasses(name: string, dir?: string): Promise<readonly string[]> {
  return name === SHAPES.name ? SHAPE_CLASSES : readClasses(datasetLayout(name), dir ?? defaultDataFolder());
}

/** Both splits; errors as `loadSplit`. */
export async function loadDataset(name: string, dir?: string): Promise<Dataset> {
  const train = await loadSplit(name, 'train', dir);
  const test = await loadSplit(name, 'test', dir);
  return { name, classes: await loadClasses(name, dir), train, test };
}

/** Compares every byte with what it should be, where that is known; whether it is. Throws UserError AMP7015. */
async function bytesAreRight(layout: FolderLayout, folder: string, found: Readonly<Record<Split, ImageSet>>): Promise<boolean> {
  if (layout.name !== SHAPES.name) return compareChecksums(folder, [...layout.files.train, ...layout.files.test]);
  for (const split of ['train', 'test'] as const) {
    const right = generateShapes(split);
    // A smaller set of somebody's own, written in the same format.
    if (found[split].count !== right.count) return false;
    const same = Buffer.compare(found[split].images, right.images) === 0 && Buffer.compare(found[split].labels, right.labels) === 0;
    if (!same) throw changedFile(join(folder, layout.files[split][0]!), 'it is not what ampc generates');
  }
  return true;
}

/** Reads everything, checks sizes and labels, and bytes where it is known how they should be, and counts. Throws as `loadSplit`, and AMP7015. */
export async function verifyDataset(name: string, dir?: string): Promise<DatasetReport> {
  const layout = datasetLayout(name);
  const generated = await isGenerated(layout, dir);
  const { classes, train, test } = await loadDataset(name, dir);
  const checked =
    generated || (await bytesAreRight(layout, filesFolder(layout, dir ?? defaultDataFolder()), { train, test })) ? 'bytes' : 'structure';
  return {
    name,
    folder: generated ? undefined : filesFolder(layout, dir ?? defaultDataFolder()),
    classes,
    checked,
    train: train.count,
    test: test.count,
    trainPerClass: countPerClass(train, classes.length),
    testPerClass: countPerClass(test, classes.length),
  };
}
