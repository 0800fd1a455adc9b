import { packRecords } from '../../codegen/c/record.js';
import { IMAGE_DRAW, IMAGE_MIX } from '../../codegen/c/series.js';
import { FEED } from '../../codegen/cuda/support.js';
import { IMAGE_CHANGES } from '../../datasets/augmentation.js';
import { elementCount } from '../../ir/types.js';
import { type BatchSelection, type ImageSource, NO_IMAGE, type SeriesCall } from '../backend.js';
import { AS_THEY_ARE, packRates } from '../selection.js';
import type { Handle } from './calls.js';
import { behind, type Device } from './device.js';

/** Arrays of a series begin at multiples of so many bytes. */
const ALIGNMENT = 256;

/** Sources whose images stay on the device: a training set and a test set, and those of a plan before. */
const MOST_RESIDENT = 4;

type Arrays = Readonly<Record<(typeof FEED.arrays)[number], Uint8Array | Handle>>;

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** What a series works on, on the device: images that fit stay there, all else goes there for each series, in one copy. */
export class Feed {
  /** Of `feed_of_series`. */
  readonly address: Handle;
  readonly #resident = new Map<Uint8Array, Handle>();
  #arrays: { readonly address: Handle; readonly bytes: number } | undefined;

  constructor(private readonly device: Device) {
    this.address = device.allocate(FEED.arrays.length * 8 + FEED.numbers.length * 4);
  }

  /** Puts a series there. `firsts`: the place of each call's first image. `rates`: names of the inputs that have learning rates. */
  async put(batches: BatchSelection, calls: readonly SeriesCall[], firsts: Uint32Array, rates: readonly string[]): Promise<void> {
    const { source, order, mixes, augment } = batches;
    const [height, width, channels] = source.shape as readonly [number, number, number];
    const { draws, fill, seed, stream, epoch } = augment ?? AS_THEY_ARE;
    const images = await this.#images(batches);
    const arrays: Arrays = {
      ...images,
      labels: bytesOf(source.labels),
      order: bytesOf(order),
      mixes: mixes === undefined ? 0 : new Uint8Array(packRecords(IMAGE_MIX, mixes)),
      draws: new Uint8Array(
        packRecords(
          IMAGE_DRAW,
          draws.map((draw) => ({ ...draw, of: IMAGE_CHANGES.indexOf(draw.of) })),
        ),
      ),
      firsts: bytesOf(firsts),
      steps: bytesOf(Int32Array.from(calls, ({ step }) => step)),
      rates: bytesOf(packRates(calls, rates)),
    };
    const addresses = await this.#place(arrays);
    const numbers: Readonly<Record<(typeof FEED.numbers)[number], number>> = {
      ...{ height, width, channels, drawn: draws.length, reflect: Number(fill === 'reflect'), mixed: Number(mixes !== undefined) },
      ...{ seed, stream, epoch, rates_of_call: Math.max(1, rates.length), position: 0, unused: 0 },
    };
    const head = new Uint8Array(FEED.arrays.length * 8 + FEED.numbers.length * 4);
    head.set(bytesOf(BigUint64Array.from(FEED.arrays, (name) => BigInt(addresses[name]))));
    head.set(bytesOf(Uint32Array.from(FEED.numbers, (name) => numbers[name])), FEED.arrays.length * 8);
    await this.device.write(this.address, head);
  }

  /** The images of a source that stays in memory, where they fit; else those of the series alone, one behind the other. */
  async #images({ source, order, places, mixes }: BatchSelection): Promise<Pick<Arrays, 'images' | 'own' | 'others'>> {
    const whole = places === undefined ? await this.#keep(source) : undefined;
    if (whole !== undefined) return { images: whole, own: 0, others: 0 };
    const bytes = elementCount(source.shape);
    const found = [
      ...Array.from(order, (number, i) => (places === undefined ? (number === NO_IMAGE ? 0 : number) : places.own[i]!)),
      ...(mixes ?? []).map(({ other }, i) => (places === undefined ? other : places.others[i]!)),
    ];
    const unique = [...new Set(found)];
    const at = new Map(unique.map((place, i) => [place, i]));
    const images = new Uint8Array(unique.length * bytes);
    for (const [i, place] of unique.entries()) images.set(source.images.subarray(place * bytes, (place + 1) * bytes), i * bytes);
    const numbers = Uint32Array.from(found, (place) => at.get(place)!);
    const own = bytesOf(numbers.subarray(0, order.length));
    return { images, own, others: mixes === undefined ? 0 : bytesOf(numbers.subarray(order.length)) };
  }

  async #keep({ images }: ImageSource): Promise<Handle | undefined> {
    const known = this.#resident.get(images);
    if (known !== undefined) return known;
    const { device } = this;
    if (this.#resident.size === MOST_RESIDENT) {
      const [oldest, address] = [...this.#resident][0]!;
      device.free(address);
      this.#resident.delete(oldest);
    }
    // Half of what is free: the rest is for what comes later.
    if (images.length > device.freeMemory / 2) return undefined;
    const address = device.allocate(images.length);
    this.#resident.set(images, address);
    await device.write(address, images);
    return address;
  }

  /** Copies arrays into one piece of memory, which grows on demand; what is an address already stays as it is. */
  async #place(arrays: Arrays): Promise<Readonly<Record<keyof Arrays, Handle>>> {
    let bytes = 0;
    const offsets = new Map<string, number>();
    for (const [name, array] of Object.entries(arrays)) {
      if (!(array instanceof Uint8Array)) continue;
      offsets.set(name, bytes);
      bytes += Math.ceil(Math.max(1, array.length) / ALIGNMENT) * ALIGNMENT;
    }
    const at = this.#room(bytes);
    const all = new Uint8Array(bytes);
    for (const [name, offset] of offsets) all.set(arrays[name as keyof Arrays] as Uint8Array, offset);
    await this.device.write(at, all);
    const entries = Object.entries(arrays).map(([name, array]) => [
      name,
      array instanceof Uint8Array ? behind(at, offsets.get(name)!) : array,
    ]);
    return Object.fromEntries(entries) as Readonly<Record<keyof Arrays, Handle>>;
  }

  #room(bytes: number): Handle {
    if (this.#arrays !== undefined && this.#arrays.bytes >= bytes) return this.#arrays.address;
    if (this.#arrays !== undefined) this.device.free(this.#arrays.address);
    this.#arrays = undefined;
    const address = this.device.allocate(bytes);
    this.#arrays = { address, bytes };
    return address;
  }
}
