import { DATASET_NAMES, type DatasetName, isDatasetName } from '../../datasets/registry.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { listNames } from '../../diagnostics/suggest.js';
import { CIFAR10, CIFAR100, CIFAR100_COARSE } from './cifar.js';
import { SHAPES } from './drawn-shapes.js';
import { FASHION_MNIST, MNIST } from './mnist.js';
import type { DatasetSource } from './source.js';

export const SOURCES: Readonly<Record<DatasetName, DatasetSource>> = {
  cifar10: CIFAR10,
  cifar100: CIFAR100,
  cifar100_coarse: CIFAR100_COARSE,
  mnist: MNIST,
  fashion_mnist: FASHION_MNIST,
  shapes: SHAPES,
};

/** A name that somebody gave. Throws UserError AMP7002 for one that is not a data set. */
export function datasetName(name: string): DatasetName {
  if (isDatasetName(name)) return name;
  throw userError('AMP7002', `there is no data set '${name}'`, `ampc knows ${listNames(DATASET_NAMES, 'and')}`, 'name one of these');
}
