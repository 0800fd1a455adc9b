/** What data sets take, known without a reader of any. */
import { DATASETS, type DatasetName } from '../../datasets/registry.js';
import type { DatasetSpec } from '../../ir/program.js';
import { elementCount } from '../../ir/types.js';
import { defaultWorkers } from './default-workers.js';
import { heldBytes } from './held-bytes.js';

/** Bytes that a data set takes in memory with its labels, as it is published. */
function datasetBytes(name: DatasetName): number {
  const { images, image } = DATASETS[name];
  return (images.train + images.test) * (elementCount(image) + Int32Array.BYTES_PER_ELEMENT);
}

/**
 * Bytes of memory that a data set takes: of pictures, and of what is brought to another size, those that are soon needed. How large the
 * images of files of arrays are before that nobody knows yet.
 */
export function dataBytes({ source, size, image, images }: DatasetSpec): number {
  const { train = 0, test = 0 } = source.kind === 'known' ? DATASETS[source.name].images : (images ?? {});
  const held = heldBytes(train, elementCount(image)) + heldBytes(test, elementCount(image));
  if ('channels' in source) return held;
  const resized = size === undefined ? 0 : held;
  switch (source.kind) {
    case 'known':
      return resized + datasetBytes(source.name);
    case 'drawn':
      return resized + (train + test) * source.side ** 2 * 3;
    default:
      return size === undefined ? (train + test) * elementCount(image) : held;
  }
}

/** Threads that decode pictures of the data set while it is trained on: none where its pixels are read as they are. */
export function decodingThreads({ source }: DatasetSpec): number {
  return 'channels' in source ? defaultWorkers() : 0;
}
