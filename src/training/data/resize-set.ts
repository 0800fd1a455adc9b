import type { ImageSize } from '../../datasets/source.js';
import { userError } from '../../diagnostics/diagnostic.js';
import type { DatasetSpec } from '../../ir/program.js';
import type { Dataset, ImageSet } from './dataset.js';

/** Images that are resized at once, each on a thread of its own. */
const LANES = 16;

/**
 * The images of a set at another size; at their own where nothing is said, or it is the same. Throws UserError AMP7021 for images of more
 * channels than pictures have.
 */
export async function resizeSet(set: ImageSet, size: ImageSize | undefined): Promise<ImageSet> {
  const [height = 0, width = 0, channels = 0] = set.shape;
  if (size === undefined || (size.height === height && size.width === width)) return set;
  if (channels > 4)
    throw userError(
      'AMP7021',
      `images of ${channels} channels cannot be resized`,
      'pictures have 1 to 4',
      'leave out `size`, and save them at the size that the model takes',
    );
  const { resizePixels } = await import('./picture.js');
  const from = height * width * channels;
  const to = size.height * size.width * channels;
  const images = new Uint8Array(set.count * to);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < set.count; index = next++)
      images.set(await resizePixels(set.images.subarray(index * from, (index + 1) * from), set.shape, size), index * to);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { ...set, images, shape: [size.height, size.width, channels] };
}

/** The images of a data set in memory, at the size that the file has them in. */
export async function resizeDataset(spec: Pick<DatasetSpec, 'size'>, { train, test, ...dataset }: Dataset): Promise<Dataset> {
  return { ...dataset, train: await resizeSet(train, spec.size), test: await resizeSet(test, spec.size) };
}
