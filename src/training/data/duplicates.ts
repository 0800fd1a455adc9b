import { createHash } from 'node:crypto';
import type { ImageSet } from './dataset.js';

/** An image of the test set that is in the training set too, byte for byte as they are fed. Numbers are places in the sets. */
export interface Duplicate {
  readonly train: number;
  readonly test: number;
}

function* hashesOf({ images, count }: ImageSet): Generator<string> {
  const bytes = images.length / count;
  for (let at = 0; at < count; at++)
    yield createHash('sha256')
      .update(images.subarray(at * bytes, (at + 1) * bytes))
      .digest('base64');
}

/** The test images that are training images too, each once, with the first such training image. */
export function findDuplicates(train: ImageSet, test: ImageSet): Duplicate[] {
  const known = new Map<string, number>();
  let place = 0;
  for (const hash of hashesOf(train)) {
    if (!known.has(hash)) known.set(hash, place);
    place++;
  }
  const found: Duplicate[] = [];
  place = 0;
  for (const hash of hashesOf(test)) {
    const first = known.get(hash);
    if (first !== undefined) found.push({ train: first, test: place });
    place++;
  }
  return found;
}
