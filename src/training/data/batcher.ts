import type { FurtherValues } from '../../datafiles/further-arrays.js';
import { type Augmentation, drawChanges, drawsOf, fillOf, type ImageChange } from '../../datasets/augmentation.js';
import { drawOrder, drawRow, imageOps } from '../../datasets/image-ops.js';
import { fnv1a32, threefry2x32 } from '../../random/threefry.js';
import { type BatchSelection, type Executable, type ImageAugmentation, NO_IMAGE } from '../../runtime/backend.js';
import { copyReflected, flipPixels, flipRgbWords, upend } from './copies.js';
import { type ImageSet, placeOf } from './dataset.js';
import { EpochOrder } from './epoch-order.js';
import { applyRow } from './image-primitives.js';
import { blend, Mixer, writeTarget } from './mixing.js';

export interface BatcherOptions {
  readonly seed: number;
  /** A new order every epoch; otherwise the data set's own. */
  readonly shuffle: boolean;
  /** Left out, or none: images as they are. */
  readonly augment?: readonly Augmentation[] | undefined;
  /** What `normalize` subtracts of each channel: what is blanked becomes that. Left out: 0. */
  readonly mean?: readonly number[] | undefined;
}

const AUGMENT = fnv1a32('augment');

/**
 * Puts batches together from a data set. What a batch holds depends on nothing but the options, the epoch and its places in it, so training
 * can go on from any step.
 */
export class Batcher {
  private readonly imageBytes: number;
  private readonly changes: Omit<ImageAugmentation, 'epoch'>;
  private readonly mixer: Mixer | undefined;
  /** Where the image that another is joined with is made. */
  private readonly other: Uint8Array;
  private readonly order: EpochOrder;

  constructor(
    readonly set: ImageSet,
    readonly options: BatcherOptions,
  ) {
    const [height = 0, width = 0, channels = 0] = set.shape;
    this.imageBytes = height * width * channels;
    const { augment = [], mean = [] } = options;
    this.mixer = Mixer.of(augment, options.seed, set.shape);
    this.other = new Uint8Array(this.mixer === undefined ? 0 : this.imageBytes);
    const ops = imageOps(augment, [height, width]).map((op) => ({ ...op, stream: fnv1a32(op.stream) }));
    const blank = Uint8Array.from({ length: channels }, (_, channel) => Math.round(255 * (mean[channel] ?? 0)));
    this.changes = { draws: drawsOf(augment), fill: fillOf(augment), ops, blank, seed: options.seed, stream: AUGMENT };
    this.order = new EpochOrder(set.count, options.shuffle ? options.seed : undefined);
  }

  /** Whether a device that makes batches can make these: of images and labels alone, changed in ways that it knows. */
  isMadeBy({ seriesOps = true }: Pick<Executable, 'seriesOps'>): boolean {
    return this.set.further === undefined && (seriesOps || this.changes.ops.length === 0);
  }

  /** How many images may be held at once. */
  get room(): number {
    return Math.max(1, (this.set.supply?.room ?? Number.POSITIVE_INFINITY) - 1);
  }

  /**
   * Brings into memory what `select` and `fill` need for these places, or those of them that `isOwn` names, until the next call; undefined
   * where it is there. Rejects as `Supply.hold`.
   */
  hold(epoch: number, first: number, count: number, isOwn?: (place: number) => boolean): Promise<void> | undefined {
    const { supply } = this.set;
    if (supply === undefined) return undefined;
    const all = this.order.of(epoch).slice(first, first + count);
    const own = isOwn === undefined ? all : all.filter((_, i) => isOwn(first + i) || (this.mixer !== undefined && isOwn(first + i - 1)));
    const numbers = this.mixer === undefined ? own : Uint32Array.from([...own, this.otherOf(epoch, first + count - 1)]);
    // Of several ranks, those of this one: what is read ahead decides nothing.
    const ahead = (most: number) => this.order.from(epoch, first + count, most);
    return supply.hold(numbers, isOwn === undefined ? ahead : (most) => ahead(most).filter((_, i) => isOwn(first + count + i)));
  }

  /** What `fill` writes for places `first` to `first + count - 1` of epoch `epoch`, for a device that does it by itself. */
  select(epoch: number, first: number, count: number): BatchSelection {
    const { mixer } = this;
    const { draws, ops } = this.changes;
    const order = this.order.of(epoch).slice(first, first + count);
    const mixes = mixer && Array.from(order, (number, place) => mixer.mix(number, this.otherOf(epoch, first + place), epoch));
    return {
      source: this.set,
      order,
      places: placesOf(this.set, order, mixes),
      mixes,
      augment: draws.length + ops.length === 0 ? undefined : { ...this.changes, epoch },
    };
  }

  /** The image that the one in a place of the epoch is joined with: the next one. */
  private otherOf(epoch: number, place: number): number {
    return this.order.of(epoch)[(place + 1) % this.set.count]!;
  }

  /**
   * Writes the images from place `first` of epoch `epoch` on (both 0-based), as many as there are labels: u8[N,H,W,C] and i32[N]; and where
   * they are wanted the targets f32[N,classes], 1 at the label where images are not joined, and what else belongs to the images.
   */
  fill(epoch: number, first: number, image: Uint8Array, label: Int32Array, target?: Float32Array, further: FurtherValues = {}): void {
    const order = this.order.of(epoch);
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
      copyFurther(set, source, slot, further);
      const mix = mixer?.mix(source, this.otherOf(epoch, first + slot), epoch);
      if (mix !== undefined) {
        this.copy(mix.other, other, undefined, 0, epoch);
        blend(image.subarray(at, at + imageBytes), other, width, channels, mix);
      }
      const row = target?.subarray(slot * classes, (slot + 1) * classes);
      if (row !== undefined) writeTarget(row, label[slot]!, set.labels[mix?.other ?? source]!, mix?.share ?? 1);
    }
  }

  /** Writes an image with all that is drawn for it. */
  private copy(source: number, image: Uint8Array, words: Uint32Array | undefined, at: number, epoch: number): void {
    const { set, imageBytes } = this;
    const { draws, ops, seed } = this.changes;
    const from = placeOf(set, source) * imageBytes;
    if (draws.length === 0) image.set(set.images.subarray(from, from + imageBytes), at);
    else {
      const first = threefry2x32(seed, AUGMENT, source, 0);
      const drawn = drawChanges(draws, threefry2x32(seed, AUGMENT, source, epoch), first, epoch);
      this.copyChanged(from, image, words, at, drawn);
    }
    if (ops.length > 0) this.changePixels(source, image.subarray(at, at + imageBytes), epoch);
  }

  private copyChanged(
    from: number,
    image: Uint8Array,
    words: Uint32Array | undefined,
    at: number,
    { down, right, mirrored, upended }: Readonly<Record<ImageChange, number>>,
  ): void {
    const [height = 0, width = 0, channels = 0] = this.set.shape;
    if (this.changes.fill === 'reflect') copyReflected(this.set, from, image, at, down, right);
    else this.copyShifted(from, image, at, down, right);
    if (upended % 2 !== 0) upend(image, at, height, width * channels);
    if (mirrored % 2 === 0) return;
    if (words !== undefined && channels === 3 && width % 4 === 0) flipRgbWords(words, at >>> 2, height, (width * 3) >>> 2);
    else flipPixels(image, at, height, width, channels);
  }

  /** Carries out the ops on an image of a batch, each with random words of its own. */
  private changePixels(source: number, pixels: Uint8Array, epoch: number): void {
    const [height = 0, width = 0, channels = 0] = this.set.shape;
    const { ops, blank, seed } = this.changes;
    const change = (op: (typeof ops)[number]): void => {
      const drawn = drawRow(op, threefry2x32(seed, op.stream, source, epoch));
      if (drawn !== undefined) applyRow({ pixels, height, width, channels, blank, ...drawn }, drawn.row);
    };
    for (let at = 0; at < ops.length; ) {
      const { together, stream } = ops[at]!;
      for (const i of drawOrder(together, threefry2x32(seed, stream, source, epoch))) change(ops[at + i]!);
      at += together;
    }
  }

  /**
   * The window that starts (down, right) pixels into the image; zero where it leaves the image. One copy moves everything; the
   * columns that wrapped into the neighbouring row are then cleared.
   */
  private copyShifted(from: number, image: Uint8Array, at: number, down: number, right: number): void {
    const { set, imageBytes } = this;
    const [, width = 0, channels = 0] = set.shape;
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

/** Writes what belongs to an image besides its pixels, in its place of a batch. */
function copyFurther({ further = {}, count }: ImageSet, source: number, slot: number, to: FurtherValues): void {
  for (const [name, values] of Object.entries(further)) {
    const length = values.length / count;
    to[name]?.set(values.subarray(source * length, (source + 1) * length), slot * length);
  }
}

function placesOf(set: ImageSet, order: Uint32Array, mixes: BatchSelection['mixes']): BatchSelection['places'] {
  if (set.supply === undefined) return undefined;
  const own = order.map((number) => (number === NO_IMAGE ? 0 : placeOf(set, number)));
  return { own, others: mixes === undefined ? own : Uint32Array.from(mixes, ({ other }) => placeOf(set, other)) };
}

/** A test set in order, in batches of `batch`; the last one is filled up with label -1, which counts for nothing. */
export function fillInOrder(
  set: ImageSet,
  batch: number,
  index: number,
  image: Uint8Array,
  label: Int32Array,
  further: FurtherValues = {},
): void {
  const [height = 0, width = 0, channels = 0] = set.shape;
  const imageBytes = height * width * channels;
  const first = index * batch;
  const present = Math.min(batch, set.count - first);
  image.fill(0, present * imageBytes);
  for (let slot = 0; slot < batch; slot++) {
    label[slot] = slot < present ? set.labels[first + slot] : -1;
    if (slot >= present) continue;
    copyFurther(set, first + slot, slot, further);
    const from = placeOf(set, first + slot) * imageBytes;
    image.set(set.images.subarray(from, from + imageBytes), slot * imageBytes);
  }
}

/** What `fillInOrder` writes for batches `index` to `index + count - 1`. */
export function selectInOrder(set: ImageSet, batch: number, index: number, count: number): BatchSelection {
  const first = index * batch;
  const order = Uint32Array.from({ length: count * batch }, (_, place) => (first + place < set.count ? first + place : NO_IMAGE));
  return { source: set, order, places: placesOf(set, order, undefined), augment: undefined };
}
