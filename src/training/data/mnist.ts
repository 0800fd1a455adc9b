import { badFile } from '../../datafiles/bad-file.js';
import { readIdx } from '../../datafiles/idx.js';
import type { DatasetName } from '../../datasets/registry.js';
import { badLabel } from './binary.js';
import { type DataFile, parsing } from './data-file.js';
import type { ImageSet } from './dataset.js';
import type { DatasetSource, Origin } from './source.js';

/** Images and labels in IDX files, each pair of files one after another. */
export async function readIdxPair([images, labels]: readonly DataFile[], classes: number): Promise<ImageSet> {
  if (images === undefined || labels === undefined) throw new Error('IDX files come in pairs');
  const pixels = await parsing(images, readIdx);
  const numbers = await parsing(labels, readIdx);
  const [count = 0, height = 0, width = 0, channels = 1] = pixels.shape;
  if (pixels.shape.length < 3) throw badFile(images.path, `it has ${pixels.shape.length} axes; images have 3, or 4 with channels`);
  if (numbers.shape.length !== 1 || numbers.shape[0] !== count)
    throw badFile(labels.path, `it has [${numbers.shape.join(', ')}] labels for ${count} images`);
  const wrong = numbers.bytes.findIndex((label) => label >= classes);
  if (wrong >= 0) throw badLabel(labels.path, wrong, numbers.bytes[wrong]!, classes);
  return { images: pixels.bytes, labels: Int32Array.from(numbers.bytes), count, shape: [height, width, channels] };
}

type Published = Extract<Origin, { kind: 'files' }>['files'];

/** A set in the four files of MNIST, in a folder of its name, as torchvision has it, or named itself; packed or not. */
function mnist(name: DatasetName, folder: string, torchvision: string, origin: Origin): DatasetSource {
  const pair = (split: string) => [`${split}-images-idx3-ubyte`, `${split}-labels-idx1-ubyte`];
  return {
    name,
    folder,
    alsoIn: [`${torchvision}/raw`, torchvision, 'raw', '.'],
    files: { train: pair('train'), test: pair('t10k') },
    // As they are on Kaggle.
    alias: (file) => [file.replace('-idx', '.idx')],
    mayBePacked: true,
    read: readIdxPair,
    origin,
  };
}

type Four<T> = readonly [T, T, T, T];

function published(sizes: Four<number>, md5: Four<string>): Published {
  const names = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'];
  return names.map((name, index) => ({ file: `${name}-ubyte.gz`, md5: md5[index]!, size: sizes[index]! }));
}

/** Handwritten digits (LeCun et al. 1998); the address and the md5 are those of torchvision. */
export const MNIST = mnist('mnist', 'mnist', 'MNIST', {
  kind: 'files',
  url: 'https://ossci-datasets.s3.amazonaws.com/mnist/',
  files: published(
    [9_912_422, 28_881, 1_648_877, 4_542],
    [
      'f68b3c2dcbeaaa9fbdd348bbdeb94873',
      'd53e105ee54ea40749a09fcbcd1e9432',
      '9fb629c4189551a2d022fa330f9573f3',
      'ec29112dd5afa0611ce80d1b7f02629c',
    ],
  ),
  mirror: 'AMPC_MNIST_URL',
});

/** Pictures of clothes (Xiao et al. 2017, https://github.com/zalandoresearch/fashion-mnist); the md5 are those printed there. */
export const FASHION_MNIST = mnist('fashion_mnist', 'fashion-mnist', 'FashionMNIST', {
  kind: 'files',
  url: 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
  files: published(
    [26_421_880, 29_515, 4_422_102, 5_148],
    [
      '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
      '25c81989df183df01b3e8a0aad5dffbe',
      'bef4ecab320f06d8554ea6380940ec79',
      'bb300cfdad3c16e7a12a480ee83cd310',
    ],
  ),
  mirror: 'AMPC_FASHION_MNIST_URL',
});
