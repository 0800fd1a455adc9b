import type { FolderLayout } from './folder.js';

/** CIFAR-10, binary version (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html). */
export const CIFAR10: FolderLayout = {
  name: 'cifar10',
  folder: 'cifar-10-batches-bin',
  files: {
    train: [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`),
    test: ['test_batch.bin'],
  },
  classesFile: 'batches.meta.txt',
  classes: 10,
};

/** The official archive; its md5 is the one printed on the data set's page. */
export const CIFAR10_ARCHIVE = {
  file: 'cifar-10-binary.tar.gz',
  url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  md5: 'c32a1d4ab5d03f1284b67883e8d87530',
} as const;
