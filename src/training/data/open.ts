import { alikeNames } from '../../datafiles/classes.js';
import { dataPath } from '../../datafiles/look-up.js';
import { SHAPE_CLASSES, type Split } from '../../datasets/registry.js';
import type { DataFacts, DataSource, Statistics } from '../../datasets/source.js';
import type { Source } from '../../diagnostics/diagnostic.js';
import { given } from '../../given.js';
import type { DatasetSpec } from '../../ir/program.js';
import { elementCount } from '../../ir/types.js';
import { resolve } from '../../platform/path.js';
import { type Dataset, forEachImage, type ImageSet } from './dataset.js';
import { drawnShapes } from './drawn-shapes.js';
import { openFiles } from './file-sources.js';
import { chooseDataFolder, loadClasses, loadDataset, loadSplit } from './load.js';
import type { OpenOptions } from './open-options.js';
import { resizeDataset, resizeSet } from './resize-set.js';
import type { ShapesOptions } from './shapes.js';
import { withValidation } from './validation.js';

type Drawn = Extract<DataSource, { readonly kind: 'drawn' }>;

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
  if (source.kind === 'drawn') return undefined;
  return resolve(asked ?? ofRun ?? dataPath(source, at));
}

function drawing({ side, images }: Drawn, split: Split): ShapesOptions {
  return { side, count: images[split] };
}

function drawDataset(source: Drawn): Dataset {
  const [train, test] = (['train', 'test'] as const).map((split) => drawnShapes(split, drawing(source, split)));
  return { name: 'shapes', classes: SHAPE_CLASSES, train: train!, test: test! };
}

/** All of a data set. Throws UserError as the reader of its kind. */
export async function openData(spec: DatasetSpec, options: OpenOptions): Promise<Dataset> {
  const dataset = await openSource(spec, options);
  const alike = alikeNames(dataset.classes);
  if (alike !== undefined) options.onNotice?.(`${dataset.name}: the classes ${alike.join(' and ')} differ in capitals alone, and are two`);
  return dataset;
}

async function openSource(spec: DatasetSpec, options: OpenOptions): Promise<Dataset> {
  const { source } = spec;
  switch (source.kind) {
    case 'known':
      return resizeDataset(spec, withValidation(await loadDataset(source.name, options.place), spec.validation));
    case 'drawn':
      return resizeDataset(spec, withValidation(drawDataset(source), spec.validation));
    default:
      return openFiles(spec, source, options);
  }
}

/** One split, where the others need not be read for it. */
export async function openSplit(spec: DatasetSpec, split: 'train' | 'test', options: OpenOptions): Promise<ImageSet> {
  if (spec.source.kind === 'known' && (split === 'test' || spec.validation === undefined))
    return resizeSet(await loadSplit(spec.source.name, split, options.place), spec.size);
  if (spec.source.kind === 'drawn' && (split === 'test' || spec.validation === undefined))
    return resizeSet(drawnShapes(split, drawing(spec.source, split)), spec.size);
  return (await openData(spec, options))[split];
}

/** Names of the classes, by label, without a look at the images. */
export async function openClasses(spec: DatasetSpec, options: OpenOptions): Promise<readonly string[]> {
  if (spec.source.kind === 'known') return loadClasses(spec.source.name, options.place);
  if (spec.source.kind === 'drawn') return SHAPE_CLASSES;
  return (await openData(spec, options)).classes;
}

/** So many images take so long to measure that somebody should know. */
const LONG = 20_000;

/** Mean and standard deviation of each channel over all pixels, in units of the 0..1 range. */
export async function measureStatistics(set: ImageSet, onNotice?: OpenOptions['onNotice']): Promise<Statistics> {
  const { count, shape } = set;
  if (count >= LONG) onNotice?.(`measuring mean and std of ${count} images`);
  const channels = shape.at(-1)!;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  // Whole numbers: exact up to 10^11 pixels.
  await forEachImage(set, (image) => {
    for (let at = 0; at < image.length; at += channels)
      for (let channel = 0; channel < channels; channel++) {
        const value = image[at + channel]!;
        sums[channel]! += value;
        squares[channel]! += value * value;
      }
  });
  const pixels = (count * elementCount(shape)) / channels;
  const mean = Array.from(sums, (sum) => sum / pixels);
  const std = Array.from(squares, (square, channel) => Math.sqrt(Math.max(0, square / pixels - mean[channel]! ** 2)));
  // A channel of one value is only shifted.
  return { mean: mean.map((value) => value / 255), std: std.map((value) => (value === 0 ? 1 : value / 255)) };
}

export interface FactsOptions extends Pick<OpenOptions, 'onNotice'> {
  /** What a run knew when it began. */
  readonly known?: DataFacts | undefined;
  /** Where the data set is a part of one, all of it. */
  readonly whole?: Pick<Dataset, 'train' | 'test'> | undefined;
}

/** What a file can follow of a data set that was opened; with what was to be measured, of its training images. */
export async function factsOf(
  spec: DatasetSpec,
  { classes, train, test }: Dataset,
  { known, whole = { train, test }, onNotice }: FactsOptions = {},
): Promise<DataFacts> {
  const statistics = known?.statistics ?? (spec.isUnmeasured ? await measureStatistics(train, onNotice) : undefined);
  // Of what is resized only the channels count, which pictures are given and arrays have.
  const image = spec.size === undefined || !('channels' in spec.source) ? (known?.image ?? spec.image) : known?.image;
  return { classes, images: { train: whole.train.count, test: whole.test.count }, ...given({ image, statistics }) };
}
