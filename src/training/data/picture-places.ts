const [EMPTY, COMING, THERE] = [0, 1, 2];

/** Which pictures of a set are in memory, or on their way, and where. */
export class PicturePlaces {
  /** By number: its place, or -1. */
  private readonly places: Int32Array;
  /** By place. */
  private readonly numbers: Int32Array;
  private readonly status: Uint8Array;
  /** By place: the last reading ahead that came upon it. */
  private readonly wanted: Uint32Array;
  private readonly free: number[] = [];
  private reading = 0;
  private hand = 0;
  /** How many are on their way, and how many have come; where all of a set have room each comes once. */
  coming = 0;
  come = 0;

  constructor(
    count: number,
    readonly capacity: number,
  ) {
    this.places = new Int32Array(count).fill(-1);
    this.numbers = new Int32Array(capacity).fill(-1);
    this.status = new Uint8Array(capacity);
    this.wanted = new Uint32Array(capacity);
    if (!this.isWhole) for (let place = capacity - 1; place >= 0; place--) this.free.push(place);
  }

  /** Whether there is room for the whole set: each picture then has its number for a place, and stays. */
  get isWhole(): boolean {
    return this.capacity >= this.places.length;
  }

  of(number: number): number {
    return this.places[number]!;
  }

  isThere(number: number): boolean {
    const place = this.places[number]!;
    return place >= 0 && this.status[place] === THERE;
  }

  /** A place for a picture to come to; undefined where none is free. */
  assign(number: number): number | undefined {
    const place = this.isWhole ? number : this.free.pop();
    if (place === undefined) return undefined;
    this.places[number] = place;
    this.numbers[place] = number;
    this.status[place] = COMING;
    this.wanted[place] = this.reading;
    this.coming++;
    return place;
  }

  /** A picture that was on its way is there. */
  arrive(number: number): void {
    this.status[this.places[number]!] = THERE;
    this.come++;
  }

  /** The place of a picture that is there is free. */
  release(number: number): void {
    const place = this.places[number]!;
    if (this.isWhole || place < 0 || this.status[place] !== THERE) return;
    this.places[number] = -1;
    this.status[place] = EMPTY;
    this.free.push(place);
  }

  /** Frees the place of some picture that is not among the `held`, if any is there. */
  evict(held: ReadonlySet<number>): void {
    for (let tried = 0; !this.isWhole && this.free.length === 0 && tried < this.capacity; tried++) {
      const number = this.numbers[this.hand++ % this.capacity]!;
      if (number >= 0 && !held.has(number)) this.release(number);
    }
  }

  /** Gives places to those of `next` that have none, as many as there are: also places of what is neither held nor among them. */
  assignAhead(next: Uint32Array, held: ReadonlySet<number>): number[] {
    this.reading++;
    for (const number of next) if (this.places[number]! >= 0) this.wanted[this.places[number]!] = this.reading;
    const assigned: number[] = [];
    let isSwept = this.isWhole;
    for (const number of next) {
      if (this.places[number]! >= 0) continue;
      if (this.free.length === 0 && !isSwept) {
        this.sweep(held);
        isSwept = true;
      }
      if (this.assign(number) === undefined) break;
      assigned.push(number);
    }
    return assigned;
  }

  private sweep(held: ReadonlySet<number>): void {
    for (const [place, number] of this.numbers.entries())
      if (this.status[place] === THERE && this.wanted[place] !== this.reading && !held.has(number)) this.release(number);
  }
}
