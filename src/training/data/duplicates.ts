import { createHash } from 'node:crypto';
import { forEachImage, type ImageSet } from './dataset.js';

/** An image of the test set that is in the training set too, byte for byte as they are fed. Numbers are places in the sets. */
export interface Duplicate {
  readonly train: number;
  readonly test: number;
}

const hashOf = (image: Uint8Array): string => createHash('sha256').update(image).digest('base64');

/** The test images that are training images too, each once, with the first such training image. */
export async function findDuplicates(train: ImageSet, test: ImageSet): Promise<Duplicate[]> {
  const known = new Map<string, number>();
  await forEachImage(train, (image, number) => {
    const hash = hashOf(image);
    if (!known.has(hash)) known.set(hash, number);
  });
  const found: Duplicate[] = [];
  await forEachImage(test, (image, number) => {
    const first = known.get(hashOf(image));
    if (first !== undefined) found.push({ train: first, test: number });
  });
  return found;
}
