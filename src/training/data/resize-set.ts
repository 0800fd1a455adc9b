import type { ImageSize } from '../../datasets/source.js';
import type { DatasetSpec } from '../../ir/program.js';
import { elementCount } from '../../ir/types.js';
import type { Dataset, ImageSet, Supply } from './dataset.js';
import { SUPPLY_SIZES, type SupplySizes } from './held-bytes.js';
import { Resampler } from './resample.js';

/**
 * Makes images of another size when they are needed. Of a small set each is made once; of a larger one whenever it is held, which takes no
 * longer than reading it from a disk would.
 */
class ResizingSupply implements Supply {
  images: Uint8Array = new Uint8Array(0);
  private readonly resampler: Resampler;
  private readonly from: number;
  private readonly to: number;
  /** Where each image lies that is there; -1: nowhere. */
  private readonly places: Int32Array;
  private held: Uint32Array = new Uint32Array(0);
  private readonly isWhole: boolean;

  constructor(
    private readonly set: ImageSet,
    size: ImageSize,
    private readonly sizes: SupplySizes,
  ) {
    this.resampler = new Resampler(set.shape, size);
    this.from = elementCount(set.shape);
    this.to = elementCount(this.resampler.shape);
    this.places = new Int32Array(set.count).fill(-1);
    this.isWhole = set.count * this.to <= sizes.whole;
  }

  get room(): number {
    return this.isWhole ? this.set.count : Math.max(1, Math.floor(this.sizes.ring / this.to));
  }

  placeOf(number: number): number {
    return this.places[number]!;
  }

  hold(numbers: Uint32Array): undefined {
    const capacity = this.isWhole ? this.set.count : numbers.length;
    // What nobody writes to takes no memory yet.
    if (this.images.length < capacity * this.to) this.images = new Uint8Array(capacity * this.to);
    if (!this.isWhole) for (const number of this.held) this.places[number] = -1;
    this.held = numbers;
    for (const [at, number] of numbers.entries()) {
      if (this.places[number]! >= 0) continue;
      const place = this.isWhole ? number : at;
      const pixels = this.set.images.subarray(number * this.from, (number + 1) * this.from);
      this.resampler.write(pixels, this.images.subarray(place * this.to, (place + 1) * this.to));
      this.places[number] = place;
    }
    return undefined;
  }
}

/** The images of a set at another size, which they are brought to as they are needed; at their own where none is said, or the same. */
export function resizeSet(set: ImageSet, size: ImageSize | undefined, sizes: SupplySizes = SUPPLY_SIZES): ImageSet {
  const [height = 0, width = 0, channels = 0] = set.shape;
  if (size === undefined || set.count === 0 || (size.height === height && size.width === width)) return set;
  const supply = new ResizingSupply(set, size, sizes);
  return {
    ...set,
    shape: [size.height, size.width, channels],
    supply,
    get images() {
      return supply.images;
    },
  };
}

/** The images of a data set in memory, at the size that the file has them in. */
export function resizeDataset({ size }: Pick<DatasetSpec, 'size'>, { train, test, validation, ...dataset }: Dataset): Dataset {
  return {
    ...dataset,
    train: resizeSet(train, size),
    test: resizeSet(test, size),
    ...(validation && { validation: resizeSet(validation, size) }),
  };
}
