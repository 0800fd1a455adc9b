import type { Dataset, ImageSet } from './dataset.js';

function firstOf(set: ImageSet, most: number): ImageSet {
  const { labels, count, shape, further, files, supply } = set;
  if (count <= most) return set;
  return {
    labels: labels.subarray(0, most),
    count: most,
    shape,
    further,
    ...(files && { files }),
    supply,
    // Of a set with a supply they lie wherever that has put them last.
    get images() {
      return set.images;
    },
  };
}

/** A data set of which no more than so many images are tested, and as many of those that are kept for choosing. */
export function withFewTested({ test, validation, ...dataset }: Dataset, most: number): Dataset {
  return { ...dataset, test: firstOf(test, most), ...(validation && { validation: firstOf(validation, most) }) };
}
