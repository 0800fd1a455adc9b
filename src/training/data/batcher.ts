import { type Augmentation, type Draw, drawChanges, drawsOf, type ImageChange } from '../../datasets/augmentation.js';
import { userError } from '../../diagnostics/diagnostic.js';
import { permutation } from '../../random/permutation.js';
import { fnv1a32, threefry2x32 } from '../../random/threefry.js';
import { type BatchSelection, NO_IMAGE } from '../../runtime/backend.js';
import type { ImageSet } from './dataset.js';
import { blend, Mixer, writeTarget } from './mixing.js';

export interface BatcherOptions {
  readonly seed: number;
  /** A new order every epoch; otherwise the data set's own. */
  readonly shuffle: boolean;
  /** Left out, or none: images as they are. */
  readonly augment?: readonly Augmentation[] | undefined;
}

const AUGMENT = fnv1a32('augment');

/** Mirrors rows of 4k RGB pixels in place, twelve bytes (four pixels, three words) from either end at a time. */
function flipRgbWords(words: Uint32Array, from: number, rows: number, rowWords: number): void {
  for (let row = from; row < from + rows * rowWords; row += rowWords) {
    for (let left = row, right = row + rowWords - 3; left <= right; left += 3, right -= 3) {
      // Little-endian: a = R0 G0 B0 R1, b = G1 B1 R2 G2, c = B2 R3 G3 B3.
      const a = words[left];
      const b = words[left + 1];
      const c = words[left + 2];
      const d = words[right];
      const e = words[right + 1];
      const f = words[right + 2];
      words[right] = (c >>> 8) | ((b & 0xff0000) << 8);
      words[right + 1] = (b >>> 24) | ((c & 0xff) << 8) | ((a >>> 24) << 16) | (b << 24);
      words[right + 2] = ((b >>> 8) & 0xff) | (a << 8);
      words[left] = (f >>> 8) | ((e & 0xff0000) << 8);
      words[left + 1] = (e >>> 24) | ((f & 0xff) << 8) | ((d >>> 24) << 16) | (e << 24);
      words[left + 2] = ((e >>> 8) & 0xff) | (d << 8);
    }
  }
}

function flipPixels(bytes: Uint8Array, from: number, rows: number, width: number, channels: number): void {
  for (let row = from; row < from + rows * width * channels; row += width * channels) {
    for (let left = row, right = row + (width - 1) * channels; left < right; left += channels, right -= channels) {
      for (let channel = 0; channel < channels; channel++) {
        const kept = bytes[left + channel];
        bytes[left + channel] = bytes[right + channel];
        bytes[right + channel] = kept;
      }
    }
  }
}

/**
 * Puts batches together from a data set. What a batch holds depends on nothing but the options, the epoch and its places in it, so training
 * can go on from any step.
 */
export class Batcher {
  private readonly imageBytes: number;
  private readonly draws: readonly Draw[];
  private readonly mixer: Mixer | undefined;
  /** Where the image that another is joined with is made. */
  private readonly other: Uint8Array;
  private order: Uint32Array;
  private orderEpoch: number | undefined;

  constructor(
    readonly set: ImageSet,
    readonly options: BatcherOptions,
  ) {
    const [height = 0, width = 0, channels = 0] = set.shape;
    this.imageBytes = height * width * channels;
    this.draws = drawsOf(options.augment ?? []);
    this.mixer = Mixer.of(options.augment ?? [], options.seed, set.shape);
    this.other = new Uint8Array(this.mixer === undefined ? 0 : this.imageBytes);
    this.order = Uint32Array.from({ length: set.count }, (_, index) => index);
  }

  private orderOf(epoch: number): Uint32Array {
    if (this.options.shuffle && this.orderEpoch !== epoch) {
      this.order = permutation(this.set.count, this.options.seed, epoch);
      this.orderEpoch = epoch;
    }
    return this.order;
  }

  /** What `fill` writes for places `first` to `first + count - 1` of epoch `epoch`, for a device that does it by itself. */
  select(epoch: number, first: number, count: number): BatchSelection {
    const { draws, mixer } = this;
    const order = this.orderOf(epoch).slice(first, first + count);
    const mixes = mixer && Array.from(order, (number, place) => mixer.mix(number, this.otherOf(epoch, first + place), epoch));
    return {
      source: this.set,
      order,
      mixes,
      augment: draws.length === 0 ? undefined : { draws, seed: this.options.seed, stream: AUGMENT, epoch },
    };
  }

  /** The image that the one in a place of the epoch is joined with: the next one. */
  private otherOf(epoch: number, place: number): number {
    return this.orderOf(epoch)[(place + 1) % this.set.count]!;
  }

  /**
   * Writes the images from place `first` of epoch `epoch` on (both 0-based), as many as there are labels: u8[N,H,W,C] and i32[N]; and where
   * they are wanted the targets f32[N,classes], 1 at the label where images are not joined.
   */
  fill(epoch: number, first: number, image: Uint8Array, label: Int32Array, target?: Float32Array): void {
    const order = this.orderOf(epoch);
    const { set, imageBytes, mixer, other } = this;
    const [, width = 0, channels = 0] = set.shape;
    const classes = (target?.length ?? 0) / label.length;
    const batch = label.length;
    if (first + batch > set.count) throw new Error(`an epoch has ${set.count} images, not ${first + batch}`);
    const words =
      image.byteOffset % 4 === 0 && imageBytes % 4 === 0
        ? new Uint32Array(image.buffer, image.byteOffset, (batch * imageBytes) >>> 2)
        : undefined;
    for (let slot = 0; slot < batch; slot++) {
      const source = order[first + slot];
      label[slot] = set.labels[source];
      const at = slot * imageBytes;
      this.copy(source, image, words, at, epoch);
      const mix = mixer?.mix(source, this.otherOf(epoch, first + slot), epoch);
      if (mix !== undefined) {
        this.copy(mix.other, other, undefined, 0, epoch);
        blend(image.subarray(at, at + imageBytes), other, width, channels, mix);
      }
      const row = target?.subarray(slot * classes, (slot + 1) * classes);
      if (row !== undefined) writeTarget(row, label[slot]!, set.labels[mix?.other ?? source]!, mix?.share ?? 1);
    }
  }

  private copy(source: number, image: Uint8Array, words: Uint32Array | undefined, at: number, epoch: number): void {
    const { set, imageBytes, draws } = this;
    if (draws.length === 0) image.set(set.images.subarray(source * imageBytes, (source + 1) * imageBytes), at);
    else this.copyChanged(source, image, words, at, drawChanges(draws, threefry2x32(this.options.seed, AUGMENT, source, epoch)));
  }

  private copyChanged(
    source: number,
    image: Uint8Array,
    words: Uint32Array | undefined,
    at: number,
    { down, right, mirrored }: Readonly<Record<ImageChange, number>>,
  ): void {
    this.copyShifted(source, image, at, down, right);
    if (mirrored % 2 === 0) return;
    const [height = 0, width = 0, channels = 0] = this.set.shape;
    if (words !== undefined && channels === 3 && width % 4 === 0) flipRgbWords(words, at >>> 2, height, (width * 3) >>> 2);
    else flipPixels(image, at, height, width, channels);
  }

  /**
   * The window that starts (down, right) pixels into the image; zero where it leaves the image. One copy moves everything; the
   * columns that wrapped into the neighbouring row are then cleared.
   */
  private copyShifted(source: number, image: Uint8Array, at: number, down: number, right: number): void {
    const { set, imageBytes } = this;
    const [, width = 0, channels = 0] = set.shape;
    const from = source * imageBytes;
    const end = at + imageBytes;
    const rowBytes = width * channels;
    if (Math.abs(down) * rowBytes >= imageBytes || Math.abs(right) >= width) {
      image.fill(0, at, end);
      return;
    }
    const shift = down * rowBytes + right * channels;
    if (shift >= 0) {
      image.set(set.images.subarray(from + shift, from + imageBytes), at);
      image.fill(0, end - shift, end);
    } else {
      image.set(set.images.subarray(from, from + imageBytes + shift), at - shift);
      image.fill(0, at, at - shift);
    }
    const gap = Math.abs(right) * channels;
    const gapStart = right > 0 ? rowBytes - gap : 0;
    for (let row = at + gapStart; row < end && gap > 0; row += rowBytes) {
      for (let byte = row; byte < row + gap; byte++) image[byte] = 0;
    }
  }
}

/** Whole batches of a data set, for what looks at some of them and needs no others. Throws UserError AMP7007 when there is none. */
export function wholeBatches({ count }: ImageSet, batch: number, name: string): number {
  if (count >= batch) return Math.floor(count / batch);
  throw userError(
    'AMP7007',
    'the data set is smaller than one batch',
    `a batch has ${batch} images, ${name} has ${count}`,
    `use --batch ${count}`,
  );
}

/** A test set in order, in batches of `batch`; the last one is filled up with label -1, which counts for nothing. */
export function fillInOrder(set: ImageSet, batch: number, index: number, image: Uint8Array, label: Int32Array): void {
  const [height = 0, width = 0, channels = 0] = set.shape;
  const imageBytes = height * width * channels;
  const first = index * batch;
  const present = Math.min(batch, set.count - first);
  image.set(set.images.subarray(first * imageBytes, (first + present) * imageBytes));
  image.fill(0, present * imageBytes);
  for (let slot = 0; slot < batch; slot++) label[slot] = slot < present ? set.labels[first + slot] : -1;
}

/** What `fillInOrder` writes for batches `index` to `index + count - 1`. */
export function selectInOrder(set: ImageSet, batch: number, index: number, count: number): BatchSelection {
  const first = index * batch;
  const order = Uint32Array.from({ length: count * batch }, (_, place) => (first + place < set.count ? first + place : NO_IMAGE));
  return { source: set, order, augment: undefined };
}
