import { DATASET_NAMES, type DatasetName, isDatasetName } from '../../datasets/registry.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { CIFAR10 } from './cifar10.js';
import { SHAPES } from './shapes.js';
import type { DatasetSource } from './source.js';

export const SOURCES: Readonly<Record<DatasetName, DatasetSource>> = { cifar10: CIFAR10, shapes: SHAPES };

/** A name that somebody gave. Throws UserError AMP7002 for one that is not a data set. */
export function datasetName(name: string): DatasetName {
  if (isDatasetName(name)) return name;
  throw userError('AMP7002', `there is no data set '${name}'`, `ampc knows ${DATASET_NAMES.join(' and ')}`, 'name one of these');
}
