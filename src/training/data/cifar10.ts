import { readRecords } from './binary.js';
import type { DatasetSource } from './source.js';

/** CIFAR-10, binary version (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html); the archive's md5 is the one printed there. */
export const CIFAR10: DatasetSource = {
  name: 'cifar10',
  folder: 'cifar-10-batches-bin',
  files: {
    train: [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`),
    test: ['test_batch.bin'],
  },
  classesFile: 'batches.meta.txt',
  read: readRecords,
  origin: {
    kind: 'archive',
    file: 'cifar-10-binary.tar.gz',
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    md5: 'c32a1d4ab5d03f1284b67883e8d87530',
    mirror: 'AMPC_CIFAR10_URL',
  },
};
