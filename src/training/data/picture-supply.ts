import { changedFile } from '../../datafiles/bad-file.js';
import { userError } from '../../diagnostics/diagnostic.js';
import type { Supply } from './dataset.js';
import type { Outcome } from './decode-jobs.js';
import { keepingAlive } from './decode-pool.js';
import { SUPPLY_SIZES } from './held-bytes.js';
import { PicturePlaces } from './picture-places.js';
import { type PictureStore, TOGETHER } from './picture-store.js';

/** So many times what is held at once there is always room for. */
const LEAST_HOLDS = 4;

/** Images are read ahead anew when this share of the room has been used. */
const REFILL = 8;

type Lost = Exclude<Outcome, 'loaded'>;
type Ahead = (most: number) => Uint32Array;

/** Brings the pictures of a set into memory shortly before they are needed, in their order. */
export class PictureSupply implements Supply {
  /** What is held, wherever it lies. */
  images: Uint8Array = new Uint8Array(0);
  private memory = new SharedArrayBuffer(0);
  private places: PicturePlaces;
  private used = 0;
  private held: ReadonlySet<number> = new Set();
  private readonly lost = new Map<number, Lost>();
  private error: unknown;
  private waiting: (() => void)[] = [];
  private readonly isWhole: boolean;

  /** `indices`: by number of the image, its place in the list of the store. */
  constructor(
    private readonly store: Pick<PictureStore, 'bytes' | 'isSequential' | 'isCached' | 'load' | 'reject' | 'fileOf'>,
    private readonly indices: Uint32Array,
    private readonly sizes = SUPPLY_SIZES,
  ) {
    this.isWhole = indices.length * store.bytes <= sizes.whole || (store.isSequential && !store.isCached);
    this.places = new PicturePlaces(indices.length, 0);
  }

  get room(): number {
    const { capacity } = this.places;
    if (this.isWhole) return this.indices.length;
    return Math.max(1, Math.floor((capacity === 0 ? Math.floor(this.sizes.ring / this.store.bytes) : capacity) / 2));
  }

  placeOf(number: number): number {
    return this.places.of(number);
  }

  hold(numbers: Uint32Array, ahead: Ahead): Promise<void> | undefined {
    const { places } = this;
    if (places.isWhole && places.come === this.indices.length) return undefined;
    const held = new Set(numbers);
    if (places.capacity === 0) this.allocate(held.size);
    else if (places.capacity < Math.min(this.indices.length, 2 * held.size)) return keepingAlive(this.grow(held, ahead));
    for (const number of this.held) if (!held.has(number)) this.places.release(number);
    this.held = held;
    this.used += held.size;
    if (this.error !== undefined || !this.areThere()) return keepingAlive(this.bring(ahead));
    if (this.used >= this.places.capacity / REFILL) this.readAhead(ahead);
    return undefined;
  }

  /** Brings all of a set into memory that is held whole. Rejects as `hold`. */
  async holdAll(): Promise<void> {
    await this.hold(Uint32Array.from(this.indices.keys()), () => new Uint32Array(0));
  }

  /** Room for what is held first, or at the most so far. */
  private allocate(held: number): void {
    const { bytes } = this.store;
    const count = this.indices.length;
    const capacity = this.isWhole ? count : Math.min(count, Math.max(Math.floor(this.sizes.ring / bytes), LEAST_HOLDS * held));
    this.memory = new SharedArrayBuffer(capacity * bytes);
    this.images = new Uint8Array(this.memory);
    this.places = new PicturePlaces(count, capacity);
  }

  /** Begins anew with room for more at once. */
  private async grow(held: ReadonlySet<number>, ahead: Ahead): Promise<void> {
    while (this.places.coming > 0) await this.nextResult();
    this.allocate(held.size);
    this.held = held;
    await this.bring(ahead);
  }

  private areThere(): boolean {
    for (const number of this.held) if (!this.places.isThere(number)) return false;
    return true;
  }

  private async bring(ahead: Ahead): Promise<void> {
    const { held, places } = this;
    const missing = [...held].filter((number) => places.of(number) < 0);
    for (const number of missing) {
      // One that is read ahead makes room for one that is waited for, as soon as any is there.
      for (places.evict(held); places.assign(number) === undefined; places.evict(held)) await this.nextResult();
    }
    this.request(missing, true);
    this.readAhead(ahead);
    while (!this.areThere()) {
      for (const number of held) {
        const outcome = this.lost.get(number);
        if (outcome !== undefined) throw await this.lostError(number, outcome);
      }
      await this.nextResult();
    }
  }

  private async lostError(number: number, outcome: Lost): Promise<Error> {
    const index = this.indices[number]!;
    const file = this.store.fileOf(index);
    if (typeof outcome === 'string') return changedFile(file);
    await this.store.reject(index, outcome);
    if (outcome.isUnread)
      return userError('AMP7018', `${file} cannot be read`, outcome.why, 'when it can be read again, go on with --resume');
    return userError(
      'AMP7018',
      `${file} turned out to be no whole picture`,
      outcome.why,
      'put it back as it was, to go on with --resume; or remove it, or add `skip_broken` to the dataset section, and start a new run',
    );
  }

  private nextResult(): Promise<void> {
    if (this.error !== undefined) throw this.error;
    return new Promise((resolve) => {
      this.waiting.push(resolve);
    });
  }

  /** Asks for what comes next, as much as there is room for. */
  private readAhead(ahead: Ahead): void {
    this.used = 0;
    const most = this.places.capacity - this.held.size;
    if (most > 0) this.request(this.places.assignAhead(ahead(most), this.held), false);
  }

  private request(numbers: readonly number[], urgent: boolean): void {
    for (let first = 0; first < numbers.length; first += TOGETHER) {
      const some = numbers.slice(first, first + TOGETHER);
      const requests = some.map((number) => ({ index: this.indices[number]!, place: this.places.of(number) }));
      this.store.load(requests, this.memory, urgent).then(
        (outcomes) => this.take(some, outcomes),
        (error: unknown) => {
          this.error = error;
          this.wake();
        },
      );
    }
  }

  private take(numbers: readonly number[], outcomes: readonly Outcome[]): void {
    this.places.coming -= outcomes.length;
    for (const [at, outcome] of outcomes.entries()) {
      if (outcome === 'loaded') this.places.arrive(numbers[at]!);
      else this.lost.set(numbers[at]!, outcome);
    }
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
