import { resolve } from 'node:path';
import { dataPath } from '../../datafiles/look-up.js';
import type { DataFacts, Statistics } from '../../datasets/source.js';
import type { Source } from '../../diagnostics/diagnostic.js';
import { given } from '../../given.js';
import type { DatasetSpec } from '../../ir/program.js';
import { assertNever } from '../../ir/types.js';
import type { Dataset, ImageSet } from './dataset.js';
import { chooseDataFolder, datasetBytes, loadClasses, loadDataset, loadSplit } from './load.js';
import { MAPPED_FROM } from './map-file.js';
import type { OpenOptions } from './open-options.js';
import { openPictureFolder } from './picture-folder.js';

/**
 * Where the data of a file is: where the caller says, else where a run had it if it is still there, else where the file, or the machine,
 * has it. Undefined where there is no such place and none is needed. Throws UserError as `chooseDataFolder`.
 */
export async function choosePlace(
  { source }: Pick<DatasetSpec, 'source'>,
  asked: string | undefined,
  ofRun: string | undefined,
  at: Source,
): Promise<string | undefined> {
  if (source.kind === 'known') return chooseDataFolder(source.name, asked, ofRun);
  return resolve(asked ?? ofRun ?? dataPath(source, at));
}

/** All of a data set. Throws UserError as the reader of its kind. */
export async function openData(spec: DatasetSpec, options: OpenOptions): Promise<Dataset> {
  const { source } = spec;
  switch (source.kind) {
    case 'known':
      return loadDataset(source.name, options.place);
    case 'folder':
      return openPictureFolder(spec, placeOf(options), options);
    default:
      return assertNever(source);
  }
}

function placeOf({ place }: OpenOptions): string {
  if (place === undefined) throw new Error('a data set of files has a place');
  return place;
}

/** One split, where the others need not be read for it. */
export async function openSplit(spec: DatasetSpec, split: 'train' | 'test', options: OpenOptions): Promise<ImageSet> {
  if (spec.source.kind === 'known') return loadSplit(spec.source.name, split, options.place);
  return (await openData(spec, options))[split];
}

/** Names of the classes, by label, without a look at the images. */
export async function openClasses(spec: DatasetSpec, options: OpenOptions): Promise<readonly string[]> {
  if (spec.source.kind === 'known') return loadClasses(spec.source.name, options.place);
  return (await openData(spec, options)).classes;
}

/** Bytes of memory that a data set takes: a large set of files lies in a file that is read as it is needed. */
export function dataBytes({ source, image, images }: DatasetSpec): number {
  if (source.kind === 'known') return datasetBytes(source.name);
  const count = (images?.train ?? 0) + (images?.test ?? 0);
  const bytes = count * image.reduce((product, size) => product * size, 1);
  return bytes < MAPPED_FROM ? bytes : 0;
}

/** Mean and standard deviation of each channel over all pixels, in units of the 0..1 range. */
export function measureStatistics({ images, shape }: ImageSet): Statistics {
  const channels = shape.at(-1)!;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  // Whole numbers: exact up to 10^11 pixels.
  for (let at = 0; at < images.length; at += channels)
    for (let channel = 0; channel < channels; channel++) {
      const value = images[at + channel]!;
      sums[channel]! += value;
      squares[channel]! += value * value;
    }
  const pixels = images.length / channels;
  const mean = Array.from(sums, (sum) => sum / pixels);
  const std = Array.from(squares, (square, channel) => Math.sqrt(Math.max(0, square / pixels - mean[channel]! ** 2)));
  // A channel of one value is only shifted.
  return { mean: mean.map((value) => value / 255), std: std.map((value) => (value === 0 ? 1 : value / 255)) };
}

/** What a file can follow of a data set that was opened; with what was to be measured. */
export function factsOf(spec: DatasetSpec, { classes, train, test }: Dataset, known?: DataFacts): DataFacts {
  const statistics = known?.statistics ?? (spec.isUnmeasured ? measureStatistics(train) : undefined);
  const image = spec.size === undefined ? spec.image : known?.image;
  return { classes, images: { train: train.count, test: test.count }, ...given({ image, statistics }) };
}
