import { lookUpData } from '../datafiles/look-up.js';
import type { Augmentation } from '../datasets/augmentation.js';
import { DATASET_NAMES, DATASETS, DEFAULT_DATASET, isDatasetName } from '../datasets/registry.js';
import {
  type DataFacts,
  type DataSource,
  type Filter,
  type Fit,
  IMAGENET_STATISTICS,
  type ImageSize,
  isOfFiles,
} from '../datasets/source.js';
import { type Diagnostic, type Source, type Span, UserError } from '../diagnostics/diagnostic.js';
import { suggestName } from '../diagnostics/fixes.js';
import type { DatasetSpec } from '../ir/program.js';
import type { DatasetSection } from '../parser/ast.js';
import { AUGMENTATIONS } from './choices/augmentation.js';
import { FILE_SOURCES, SHAPES_CALL } from './choices/source.js';
import { reportMissing } from './dataset-properties.js';
import type { Evaluation } from './evaluation.js';
import { type ResolvedSettings, readCall, readSettings } from './read-settings.js';
import type { SettingValue, Word } from './setting.js';
import { DATASET_SETTINGS } from './settings.js';

/** A data set as a file has it, with what the model can follow. */
export interface ReadDataset {
  readonly spec: DatasetSpec;
  /** Undefined: it cannot be found, for the reason in `missing`. */
  readonly classes: number | undefined;
  readonly missing: Diagnostic | undefined;
  /** Where its name stands, and the size of its images. */
  readonly span: Span | undefined;
  readonly sizeSpan: Span | undefined;
}

/** Kinds of files as they are written in `dataset`, for suggestions. */
export const SOURCE_NAMES: readonly string[] = [...DATASET_NAMES, ...Object.keys(FILE_SOURCES)];

function readSource(section: DatasetSection | undefined, context: Evaluation): DataSource | undefined {
  const { sink } = context;
  const written = section?.name.text || DEFAULT_DATASET;
  const words: Readonly<Record<string, Word<DataSource>>> = FILE_SOURCES;
  if (isDatasetName(written)) {
    const known: DataSource = { kind: 'known', name: written };
    if (section?.args === undefined) return known;
    const { span } = section.name;
    const params = written === 'shapes' ? SHAPES_CALL.params : [];
    const call = readCall(written, params, section.args, span, undefined, context);
    return written === 'shapes' && call !== undefined ? SHAPES_CALL.read(call.args, { sink, span }) : known;
  }
  const word = Object.hasOwn(words, written) ? words[written] : undefined;
  if (word === undefined) {
    sink.error(
      'AMP4006',
      section?.name.span,
      `unknown data set \`${written}\``,
      section && suggestName(section.name, SOURCE_NAMES, 'data sets'),
    );
    return undefined;
  }
  const span = section?.name.span;
  const call = readCall(written, word.params, section?.args ?? [], span ?? { start: 0, end: 0 }, `dataset ${written}("…")`, context);
  return call && word.read(call.args, { sink, span });
}

/** What files say of themselves, or why they do not. */
function factsOf(spec: Pick<DatasetSpec, 'source' | 'split'>, at: Source): DataFacts | Diagnostic {
  const { source } = spec;
  if (source.kind === 'known') {
    const { classes, image, images } = DATASETS[source.name];
    const { statistics } = at.data?.facts ?? {};
    return { classes: Array.from({ length: classes }, String), image, images, ...(statistics && { statistics }) };
  }
  if (source.kind === 'drawn') {
    const { classes, image } = DATASETS.shapes;
    const { statistics } = at.data?.facts ?? {};
    const { side, images } = source;
    return { classes: Array.from({ length: classes }, String), image: [side, side, image[2]], images, ...(statistics && { statistics }) };
  }
  try {
    return lookUpData(source, spec.split, at);
  } catch (error) {
    if (error instanceof UserError) return error.diagnostics[0]!;
    throw error;
  }
}

function isFacts(found: DataFacts | Diagnostic): found is DataFacts {
  return 'classes' in found;
}

function readSize(settings: ResolvedSettings): ImageSize | undefined {
  const written = settings.get('size');
  if (written?.args.pixels === undefined) return undefined;
  const { pixels, fit, filter } = written.args;
  const [height, width] = typeof pixels === 'number' ? [pixels, pixels] : (pixels as readonly [number, number]);
  return { height, width, fit: fit as Fit, filter: filter as Filter };
}

/** The size and channels of what the model is fed. Undefined: nothing says them, which is reported. */
function readImage(
  source: DataSource,
  size: ImageSize | undefined,
  found: DataFacts | Diagnostic,
  section: DatasetSection | undefined,
  { sink }: Evaluation,
): DatasetSpec['image'] | undefined {
  const own = isFacts(found) ? found.image : undefined;
  const channels = 'channels' in source ? source.channels : own?.[2];
  if (size !== undefined && channels !== undefined) return [size.height, size.width, channels];
  if (own !== undefined) return own;
  if (!isFacts(found) && !('channels' in source)) {
    reportMissing(found, section?.name.span, undefined, sink);
    return undefined;
  }
  sink.error('AMP4017', section?.name.span, `the images of ${nameOf(source)} have no size of their own`, {
    why: 'pictures of any size may lie in it, and a model takes those of one',
    fix: 'add `size(64)`, or `size([48, 64])` for height and width',
  });
  return undefined;
}

function nameOf(source: DataSource): string {
  if (source.kind === 'drawn') return `shapes(size: ${source.side})`;
  return source.kind === 'known' ? source.name : `${source.kind}("${source.path}")`;
}

interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly isUnmeasured?: true;
}

function readNormalize(
  settings: ResolvedSettings,
  spec: Pick<DatasetSpec, 'name' | 'image'>,
  facts: DataFacts | undefined,
  { sink }: Evaluation,
) {
  const [, , channels] = spec.image;
  const normalize = settings.get('normalize');
  const { mean = [0.5], std = [0.5] } = normalize?.args ?? {};
  let isUnmeasured = false;
  const statistic = (key: keyof typeof IMAGENET_STATISTICS, value: SettingValue): readonly number[] => {
    const isMeasured = value === 'measured';
    isUnmeasured ||= isMeasured && facts?.statistics === undefined;
    const numbers = isMeasured
      ? (facts?.statistics?.[key] ?? [0.5])
      : value === 'imagenet'
        ? IMAGENET_STATISTICS[key]
        : (value as readonly number[]);
    if (numbers.length === channels) return numbers;
    if (numbers.length !== 1) {
      const has = channels === 1 ? 'one channel' : `${channels} channels`;
      const number = channels === 1 ? 'give one number' : `give one number, or ${channels}`;
      sink.error('AMP4009', normalize?.span, `\`${key}\` has ${numbers.length} numbers, the images of ${spec.name} have ${has}`, {
        fix: value === 'imagenet' ? 'have them measured: `normalize(measured)`' : number,
      });
    }
    return Array.from({ length: channels }, () => numbers[0]!);
  };
  // A word says both: the numbers of one set of images belong together.
  const both = typeof mean === 'string' && !normalize?.given.has('std') ? mean : std;
  const read: Normalization = { mean: statistic('mean', mean), std: statistic('std', both) };
  return isUnmeasured ? { ...read, isUnmeasured } : read;
}

/** Settings that decide what a data set needs besides, and what they need. */
const DECISIVE = [
  ['size', 'pixels'],
  ['split', 'test'],
] as const;

/** The `dataset` section, or its defaults: cifar10, normalized with mean and std 0.5. Undefined: what is wrong with it is reported. */
export function readDataset(section: DatasetSection | undefined, context: Evaluation, at: Source): ReadDataset | undefined {
  const { sink } = context;
  const source = readSource(section, context);
  const settings = readSettings('dataset', DATASET_SETTINGS, section?.items ?? [], context);
  if (source === undefined) return undefined;
  // What follows from their absence is no mistake of the file where they are there, and wrong.
  if (DECISIVE.some(([name, argument]) => settings.has(name) && settings.get(name)?.args[argument] === undefined)) return undefined;
  const name = nameOf(source);
  const size = readSize(settings);
  if (settings.has('skip_broken') && !('channels' in source))
    sink.error('AMP4009', settings.get('skip_broken')?.span, `\`skip_broken\` has nothing to leave out in ${name}`, {
      why: 'its images are arrays, not files of pictures',
      fix: 'remove it',
    });
  const share = settings.get('split')?.args.test as number | undefined;
  if (share !== undefined && !isOfFiles(source))
    sink.error('AMP4009', settings.get('split')?.span, `\`split\` has nothing to divide in ${name}`, {
      why: 'it is published with its test images',
      fix: 'remove it',
    });
  const split = share === undefined ? undefined : { test: share };
  const found = factsOf({ source, ...(split && { split }) }, at);
  const image = readImage(source, size, found, section, context);
  if (image === undefined) return undefined;
  const facts = isFacts(found) ? found : undefined;
  const validation = settings.get('validation')?.args.part as number | undefined;
  const isCounted = isOfFiles(source) && at.data?.facts !== undefined;
  // A run knows how many are left; before, about so many.
  const images = facts && (isCounted ? facts.images : { ...facts.images, train: Math.round(facts.images.train * (1 - (validation ?? 0))) });
  const normalization = readNormalize(settings, { name, image }, facts, context);
  const augment = Object.entries<Word<Augmentation>>(AUGMENTATIONS).flatMap(([kind, word]): Augmentation[] => {
    const written = settings.get(kind);
    return written === undefined ? [] : [word.read(written.args, { sink, span: written.span })];
  });
  const spec: DatasetSpec = {
    name,
    source,
    image,
    ...(size && { size }),
    ...(split && { split }),
    ...(settings.has('skip_broken') && { skipBroken: true }),
    ...(validation !== undefined && { validation }),
    ...(images && { images }),
    ...normalization,
    augment,
  };
  return {
    spec,
    classes: facts?.classes.length,
    missing: isFacts(found) ? undefined : found,
    span: section?.name.span,
    sizeSpan: settings.get('size')?.span,
  };
}
