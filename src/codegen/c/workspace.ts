import type { ValueId } from '../../ir/types.js';
import { lastReads } from '../../plan/memory.js';
import type { PlanFunction } from '../../plan/plan.js';
import { firstPosition } from '../../plan/search.js';

/** Scratch up to this size is in a block of its own, where it stays in the second-level cache from one kernel to the next. */
const OWN_SCRATCH = 256 * 1024;

/** What each thread needs for itself during one kernel, and bytes of the arena that are free then, for all threads together. */
export interface ScratchNeed {
  readonly need: number;
  readonly free: number;
}

/**
 * Bytes of each thread's own block when there are so many threads: enough for the kernels that need little, and for those that find too
 * little room in the arena. All others borrow the arena's free space.
 */
export function ownScratch(needs: readonly ScratchNeed[], threads: number): number {
  const own = needs.filter(({ need, free }) => need <= OWN_SCRATCH || need * threads > free);
  return Math.max(64, ...own.map(({ need }) => need));
}

interface Range {
  readonly offset: number;
  readonly end: number;
}

const lineEnd = (offset: number): number => Math.ceil(offset / 64) * 64;

/** What is free of a block without an end, as ranges by offset that start on cache lines. */
class Gaps {
  readonly #gaps: Range[] = [{ offset: 0, end: Number.POSITIVE_INFINITY }];

  get all(): readonly Range[] {
    return this.#gaps;
  }

  take({ offset, end }: Range): void {
    const at = this.#after(offset) - 1;
    const gap = this.#gaps[at]!;
    const rest = [
      { offset: gap.offset, end: offset },
      { offset: lineEnd(end), end: gap.end },
    ];
    this.#gaps.splice(at, 1, ...rest.filter((range) => range.end > range.offset));
  }

  give({ offset, end }: Range): void {
    const at = this.#after(offset);
    const [before, after] = [this.#gaps[at - 1], this.#gaps[at]!];
    const joinsBefore = before?.end === offset;
    const joinsAfter = after.offset === lineEnd(end);
    const joined = { offset: joinsBefore ? before.offset : offset, end: joinsAfter ? after.end : lineEnd(end) };
    this.#gaps.splice(at - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), joined);
  }

  /** The position of the first gap that starts behind `offset`. */
  #after(offset: number): number {
    return firstPosition(this.#gaps.length, (i) => this.#gaps[i]!.offset > offset);
  }
}

/**
 * Finds room for what groups need for themselves alone between the values of the arena that are alive meanwhile. Asked group by group, in
 * order.
 */
export class FreeSpace {
  readonly #arena: number;
  readonly #gaps = new Gaps();
  /** By group: the values that it stores, and those that it is the last to need. */
  readonly #starting: readonly (readonly Range[])[];
  readonly #ending: readonly (readonly Range[])[];
  #index = -1;

  /** `arena`: bytes of the block that all functions share. */
  constructor({ graph, groups, memory }: PlanFunction, arena: number) {
    const last = lastReads(graph, groups);
    const places = new Map<ValueId, Range>(memory.allocations.map(({ value, offset, size }) => [value, { offset, end: offset + size }]));
    const ending = groups.map((): Range[] => []);
    this.#arena = arena;
    this.#starting = groups.map(({ stores }) => stores.map((id) => places.get(id)!));
    for (const [value, place] of places) ending[last[value]!]?.push(place);
    this.#ending = ending;
  }

  /**
   * Offset of `bytes` bytes that nothing else uses while group `index` runs: in the smallest gap that holds them, else beyond the arena's
   * end.
   */
  place(index: number, bytes: number): number {
    if (bytes === 0) return 0;
    const gaps = this.#at(index).all;
    let best = gaps.at(-1)!;
    let least = Number.POSITIVE_INFINITY;
    for (const gap of gaps) {
      const size = Math.min(gap.end, this.#arena) - gap.offset;
      if (size >= bytes && size < least) [best, least] = [gap, size];
    }
    return best.offset;
  }

  /** The largest part of the arena that neither a value nor `taken` uses while group `index` runs. */
  largest(index: number, taken: Range): Range {
    let best: Range = { offset: 0, end: 0 };
    const consider = (offset: number, end: number): void => {
      const inside = Math.min(end, this.#arena);
      if (inside - offset > best.end - best.offset) best = { offset, end: inside };
    };
    for (const { offset, end } of this.#at(index).all) {
      if (taken.end <= offset || taken.offset >= end) consider(offset, end);
      else {
        consider(offset, taken.offset);
        consider(lineEnd(taken.end), end);
      }
    }
    return best;
  }

  #at(index: number): Gaps {
    if (index < this.#index) throw new Error(`group ${index} is asked for behind group ${this.#index}`);
    while (this.#index < index) {
      for (const place of this.#ending[this.#index] ?? []) this.#gaps.give(place);
      this.#index += 1;
      for (const place of this.#starting[this.#index]!) this.#gaps.take(place);
    }
    return this.#gaps;
  }
}
