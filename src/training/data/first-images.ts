import type { FurtherValues } from '../../datafiles/further-arrays.js';
import { elementCount } from '../../ir/types.js';
import type { Dataset, ImageSet } from './dataset.js';

function firstValues(further: FurtherValues | undefined, most: number, count: number): FurtherValues | undefined {
  if (further === undefined) return undefined;
  return Object.fromEntries(Object.entries(further).map(([name, values]) => [name, values.subarray(0, most * (values.length / count))]));
}

function firstOf(set: ImageSet, most: number): ImageSet {
  const { labels, count, shape, further, files, supply } = set;
  if (count <= most) return set;
  const first = {
    labels: labels.subarray(0, most),
    count: most,
    shape,
    further: firstValues(further, most, count),
    ...(files && { files: files.slice(0, most) }),
  };
  if (supply === undefined) return { ...first, images: set.images.subarray(0, most * elementCount(shape)) };
  return {
    ...first,
    supply,
    // They lie wherever the supply has put them last.
    get images() {
      return set.images;
    },
  };
}

/** A data set of which no more than so many images are tested, and as many of those that are kept for choosing. */
export function withFewTested({ test, validation, ...dataset }: Dataset, most: number): Dataset {
  return { ...dataset, test: firstOf(test, most), ...(validation && { validation: firstOf(validation, most) }) };
}
