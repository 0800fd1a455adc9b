import { BadFile } from '../../datafiles/bad-file.js';
import { type Pickled, type PickledArray, readPickle } from '../../datafiles/pickle.js';
import type { DatasetName } from '../../datasets/registry.js';
import { badLabel, copyPlanes, emptyImageSet, IMAGE_BYTES, recordsReader } from './binary.js';
import { type DataFile, parsing } from './data-file.js';
import type { ImageSet } from './dataset.js';
import type { FolderLayout } from './folder.js';
import type { DatasetSource } from './source.js';

type Dictionary = ReadonlyMap<Pickled, Pickled>;

function dictionaryOf(bytes: Uint8Array): Dictionary {
  const found = readPickle(bytes);
  if (found instanceof Map) return found as Dictionary;
  throw new BadFile('its pickle is no dictionary');
}

function isArray(value: Pickled | undefined): value is PickledArray {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'array';
}

/** The images and labels of a pickle as torchvision leaves it. Throws BadFile. */
function batchOf(bytes: Uint8Array, key: string): { readonly rows: Uint8Array; readonly labels: readonly number[] } {
  const found = dictionaryOf(bytes);
  const [data, labels] = [found.get('data'), found.get(key)];
  if (!isArray(data) || data.dtype !== 'u1' || data.shape.length !== 2 || data.shape[1] !== IMAGE_BYTES)
    throw new BadFile(`its \`data\` is no array of bytes with ${IMAGE_BYTES} columns`);
  if (!Array.isArray(labels) || !labels.every((label) => typeof label === 'number'))
    throw new BadFile(`its \`${key}\` are no list of numbers`);
  if (labels.length !== data.shape[0]) throw new BadFile(`it has ${data.shape[0]} images and ${labels.length} labels`);
  return { rows: data.bytes, labels };
}

/** The images of pickled batches, one after another. */
function picklesReader(key: string) {
  return async (files: readonly DataFile[], classes: number): Promise<ImageSet> => {
    const batches = [];
    for (const file of files) batches.push({ file, ...(await parsing(file, (bytes) => batchOf(bytes, key))) });
    const set = emptyImageSet(batches.reduce((sum, { labels }) => sum + labels.length, 0));
    let at = 0;
    for (const { file, rows, labels } of batches)
      for (const [index, label] of labels.entries()) {
        if (!Number.isInteger(label) || label < 0 || label >= classes) throw badLabel(file.path, index, label, classes);
        set.labels[at] = label;
        copyPlanes(rows, index * IMAGE_BYTES, set, at++);
      }
    return set;
  };
}

/** The names of the classes in the pickle beside the batches. */
function namesIn(key: string) {
  return (bytes: Uint8Array): readonly string[] => {
    const names = dictionaryOf(bytes).get(key);
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names as string[];
    throw new BadFile(`its \`${key}\` are no list of names`);
  };
}

const BATCHES = [1, 2, 3, 4, 5].map((number) => `data_batch_${number}`);

const CIFAR10_PYTHON: FolderLayout = {
  name: 'cifar10',
  folder: 'cifar-10-batches-py',
  files: { train: BATCHES, test: ['test_batch'] },
  classesFile: 'batches.meta',
  classNames: namesIn('label_names'),
  read: picklesReader('labels'),
};

/** CIFAR-10 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html); the archive's md5 is the one printed there. */
export const CIFAR10: DatasetSource = {
  name: 'cifar10',
  folder: 'cifar-10-batches-bin',
  files: { train: BATCHES.map((name) => `${name}.bin`), test: ['test_batch.bin'] },
  classesFile: 'batches.meta.txt',
  read: recordsReader({ labels: 1, label: 0 }),
  others: [CIFAR10_PYTHON],
  archives: ['cifar-10-binary.tar.gz', 'cifar-10-python.tar.gz'],
  origin: {
    kind: 'archive',
    file: 'cifar-10-binary.tar.gz',
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    md5: 'c32a1d4ab5d03f1284b67883e8d87530',
    size: 170_052_171,
    mirror: 'AMPC_CIFAR10_URL',
  },
};

/** CIFAR-100 with labels of one kind: each image has a coarse and a fine one, in this order. */
function cifar100(name: DatasetName, kind: 'fine' | 'coarse'): DatasetSource {
  const files = { train: ['train'], test: ['test'] };
  const both = ['fine_label_names.txt', 'coarse_label_names.txt'];
  return {
    name,
    folder: 'cifar-100-binary',
    files: { train: ['train.bin'], test: ['test.bin'] },
    classesFile: `${kind}_label_names.txt`,
    besides: both,
    read: recordsReader({ labels: 2, label: kind === 'coarse' ? 0 : 1 }),
    others: [
      {
        name,
        folder: 'cifar-100-python',
        files,
        classesFile: 'meta',
        classNames: namesIn(`${kind}_label_names`),
        read: picklesReader(`${kind}_labels`),
      },
    ],
    archives: ['cifar-100-binary.tar.gz', 'cifar-100-python.tar.gz'],
    origin: {
      kind: 'archive',
      file: 'cifar-100-binary.tar.gz',
      url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
      md5: '03b5dce01913d631647c71ecec9e9cb8',
      size: 168_513_733,
      mirror: 'AMPC_CIFAR100_URL',
    },
  };
}

export const CIFAR100 = cifar100('cifar100', 'fine');
export const CIFAR100_COARSE = cifar100('cifar100_coarse', 'coarse');
