import { checkFilled } from '../../datafiles/classes.js';
import { divide, drawOf } from '../../datafiles/divide.js';
import { takenOf } from '../../datafiles/further-arrays.js';
import type { Dataset, ImageSet } from './dataset.js';

/** Names the numbers that decide which training images are kept for choosing. */
export const VALIDATION = 'validation';

/** Some images of a set, copied. */
function taken({ images, labels, shape, further, count }: ImageSet, bytes: number, places: readonly number[]): ImageSet {
  const part = new Uint8Array(places.length * bytes);
  for (const [to, from] of places.entries()) part.set(images.subarray(from * bytes, (from + 1) * bytes), to * bytes);
  return {
    images: part,
    labels: Int32Array.from(places, (place) => labels[place]!),
    count: places.length,
    shape,
    further: takenOf(further, count, places),
  };
}

/**
 * A data set whose training images are divided: about `share` of each class is kept for choosing, by what the images show, so that none
 * changes sides when others come, and two that are the same are on the same side.
 */
export function withValidation({ train, ...dataset }: Dataset, share: number | undefined): Dataset {
  if (share === undefined) return { train, ...dataset };
  const bytes = train.images.length / train.count;
  const isKept = new Array<boolean>(train.count).fill(false);
  const places = [...train.labels.keys()];
  for (let label = 0; label < dataset.classes.length; label++) {
    const own = places.filter((place) => train.labels[place] === label);
    const sides = divide(
      own.map((place) => drawOf(train.images.subarray(place * bytes, (place + 1) * bytes), VALIDATION)),
      share,
    );
    for (const [index, place] of own.entries()) isKept[place] = sides[index]!;
  }
  const validation = taken(
    train,
    bytes,
    places.filter((place) => isKept[place]),
  );
  const rest = taken(
    train,
    bytes,
    places.filter((place) => !isKept[place]),
  );
  checkFilled(dataset.name, { validation: validation.count });
  return { ...dataset, train: rest, validation };
}
