import { join } from 'node:path';
import { userError } from '../../diagnostics/diagnostic.js';
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

/** `shapes` needs no files: without them it is generated. Its folder, once written by `fetch`, is used as any other. */
async function isGenerated(layout: FolderLayout, dir: string): Promise<boolean> {
  return layout.name === SHAPES.name && (await missingFiles(layout, dir)).length > 0;
}

/** The data folder to use: the one that is given, else the one that a run was trained from if the data set is there still, else the default. */
export async function chooseDataFolder(name: string, given: string | undefined, ofRun: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const isThere = ofRun !== undefined && (await missingFiles(datasetLayout(name), ofRun)).length === 0;
  return isThere ? ofRun : defaultDataFolder();
}

/**
 * One split of a data set. `dir` is the data folder (default: `defaultDataFolder()`).
 * Throws UserError: AMP7001 files missing, AMP7003/AMP7004 a damaged file, AMP7002 an unknown name.
 */
export async function loadSplit(name: string, split: Split, dir: string = defaultDataFolder()): Promise<ImageSet> {
  const layout = datasetLayout(name);
  if (await isGenerated(layout, dir)) return generateShapes(split);
  await requireFiles(layout, dir);
  return readSplit(layout, dir, split);
}

/** Names of a data set's classes, by label. */
export async function loadClasses(name: string, dir: string = defaultDataFolder()): Promise<readonly string[]> {
  return name === SHAPES.name ? SHAPE_CLASSES : readClasses(datasetLayout(name), dir);
}

/** Both splits; errors as `loadSplit`. */
export async function loadDataset(name: string, dir: string = defaultDataFolder()): Promise<Dataset> {
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
export async function verifyDataset(name: string, dir: string = defaultDataFolder()): Promise<DatasetReport> {
  const layout = datasetLayout(name);
  const generated = await isGenerated(layout, dir);
  const { classes, train, test } = await loadDataset(name, dir);
  const checked = generated || (await bytesAreRight(layout, filesFolder(layout, dir), { train, test })) ? 'bytes' : 'structure';
  return {
    name,
    folder: generated ? undefined : filesFolder(layout, dir),
    classes,
    checked,
    train: train.count,
    test: test.count,
    trainPerClass: countPerClass(train, classes.length),
    testPerClass: countPerClass(test, classes.length),
  };
}
