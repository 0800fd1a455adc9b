import { permutation } from '../../random/permutation.js';

/** Orders that are kept: that of the running epoch and that of the next one. */
const KEPT = 2;

/** In which order the images of a set come, by epoch: all of them, each once. */
export class EpochOrder {
  private readonly orders = new Map<number, Uint32Array>();
  private readonly plain: Uint32Array | undefined;

  /** `seed`: of a new order every epoch; undefined: the set's own. */
  constructor(
    private readonly count: number,
    private readonly seed: number | undefined,
  ) {
    if (seed === undefined) this.plain = Uint32Array.from({ length: count }, (_, index) => index);
  }

  of(epoch: number): Uint32Array {
    if (this.plain !== undefined) return this.plain;
    const known = this.orders.get(epoch) ?? permutation(this.count, this.seed!, epoch);
    this.orders.delete(epoch);
    this.orders.set(epoch, known);
    for (const oldest of [...this.orders.keys()].slice(0, -KEPT)) this.orders.delete(oldest);
    return known;
  }

  /** At most so many numbers from a place of an epoch on, those of the next epoch behind it. */
  from(epoch: number, place: number, most: number): Uint32Array {
    const rest = this.of(epoch).subarray(place, place + most);
    if (rest.length === most || most > this.count) return rest;
    const next = this.of(epoch + 1).subarray(0, most - rest.length);
    const all = new Uint32Array(rest.length + next.length);
    all.set(rest);
    all.set(next, rest.length);
    return all;
  }
}
