import { takenOf } from '../../datafiles/further-arrays.js';
import { elementCount } from '../../ir/types.js';
import type { Dataset, ImageSet, Supply } from './dataset.js';

/**
 * The places of `most` images of a set, in its order: of every class its share, as near as may be, and of a class those at equal distances.
 * They depend on the labels alone.
 */
export function sharedPlaces({ labels, count }: Pick<ImageSet, 'labels' | 'count'>, most: number): Uint32Array {
  const byClass = Uint32Array.from(labels.keys()).sort((a, b) => labels[a]! - labels[b]! || a - b);
  return Uint32Array.from({ length: most }, (_, index) => byClass[Math.floor(((index + 0.5) * count) / most)]!).sort();
}

/** What brings a part of a set, by its numbers in the part. */
function supplyOf(supply: Supply, places: Uint32Array): Supply {
  const whole = (numbers: Uint32Array) => numbers.map((number) => places[number]!);
  return {
    get room() {
      return supply.room;
    },
    placeOf: (number) => supply.placeOf(places[number]!),
    hold: (numbers, ahead) => supply.hold(whole(numbers), (most) => whole(ahead(most))),
  };
}

/** No more than so many images of a set; the set itself where it has no more. */
export function limitSet(set: ImageSet, most: number | undefined): ImageSet {
  const { labels, count, shape, further, files, supply, numbers } = set;
  if (most === undefined || count <= most) return set;
  const places = sharedPlaces(set, most);
  const part = {
    labels: Int32Array.from(places, (place) => labels[place]!),
    count: most,
    shape,
    numbers: numbers === undefined ? places : places.map((place) => numbers[place]!),
    further: takenOf(further, count, [...places]),
    ...(files && { files: Array.from(places, (place) => files[place]!) }),
  };
  if (supply !== undefined)
    return {
      ...part,
      supply: supplyOf(supply, places),
      // They lie wherever the supply has put them last.
      get images() {
        return set.images;
      },
    };
  const bytes = elementCount(shape);
  const images = new Uint8Array(most * bytes);
  for (const [to, from] of places.entries()) images.set(set.images.subarray(from * bytes, (from + 1) * bytes), to * bytes);
  return { ...part, images };
}

/** Of which images a run is. */
export function limitNote(limit: number, all: Dataset, { train, test }: Dataset): string {
  const part = (name: string, { count }: ImageSet, whole: ImageSet) =>
    count === whole.count ? `all ${count} ${name} images` : `${count} of the ${whole.count} ${name} images`;
  const parts = `${part('training', train, all.train)} and ${part('test', test, all.test)}`;
  return `--limit ${limit}: the run is of ${parts}, of every class its share`;
}

/** A data set of which no more than so many images are trained on, as many tested, and as many kept for choosing. */
export function limitData({ train, test, validation, ...dataset }: Dataset, most: number | undefined): Dataset {
  return {
    ...dataset,
    train: limitSet(train, most),
    test: limitSet(test, most),
    ...(validation && { validation: limitSet(validation, most) }),
  };
}
