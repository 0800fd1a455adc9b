import type { ValueId } from '../../ir/types.js';
import { lastReads } from '../../plan/memory.js';
import type { PlanFunction } from '../../plan/plan.js';

/** Scratch up to this size is in a block of its own, where it stays in the second-level cache from one kernel to the next. */
const OWN_SCRATCH = 256 * 1024;

/** What each thread needs for itself during one kernel, and bytes of the arena that are free then, for all threads together. */
export interface ScratchNeed {
  readonly need: number;
  readonly free: number;
}

/**
 * Bytes of each thread's own block when there are so many threads: enough for the kernels that need little, and for those that find too little
 * room in the arena. All others borrow the arena's free space.
 */
export function ownScratch(needs: readonly ScratchNeed[], threads: number): number {
  const own = needs.filter(({ need, free }) => need <= OWN_SCRATCH || need * threads > free);
  return Math.max(64, ...own.map(({ need }) => need));
}

interface Range {
  readonly offset: number;
  readonly end: number;
}

interface Live extends Range {
  readonly from: number;
  /** The last group that needs it. */
  readonly until: number;
}

/** Finds room for what groups need for themselves alone between the values of the arena that are alive meanwhile. */
export class FreeSpace {
  readonly #live: readonly Live[];
  readonly #arena: number;

  /** `arena`: bytes of the block that all functions share. */
  constructor({ graph, groups, memory }: PlanFunction, arena: number) {
    const last = lastReads(graph, groups);
    const stored = new Map<ValueId, number>(groups.flatMap(({ index, stores }) => stores.map((id): [ValueId, number] => [id, index])));
    this.#arena = arena;
    this.#live = memory.allocations.map(({ value, offset, size }) => ({
      from: stored.get(value)!,
      until: last.get(value)!,
      offset,
      end: offset + size,
    }));
  }

  /** Offset of `bytes` bytes that nothing else uses while group `index` runs: in the smallest gap that holds them, else beyond the arena's end. */
  place(index: number, bytes: number): number {
    const gaps = this.#gaps(index).filter(({ offset, end }) => end - offset >= bytes);
    const last = this.#gaps(index, undefined, Number.POSITIVE_INFINITY).at(-1)!;
    return gaps.sort((a, b) => a.end - a.offset - (b.end - b.offset))[0]?.offset ?? last.offset;
  }

  /** The largest part of the arena that neither a value nor `taken` uses while group `index` runs. */
  largest(index: number, taken: Range): Range {
    const gaps = this.#gaps(index, taken).sort((a, b) => b.end - b.offset - (a.end - a.offset));
    return gaps[0] ?? { offset: 0, end: 0 };
  }

  #gaps(index: number, taken?: Range, arena = this.#arena): Range[] {
    const used: Range[] = this.#live.filter(({ from, until }) => from <= index && index <= until);
    const gaps: Range[] = [];
    let offset = 0;
    for (const range of [...used, ...(taken === undefined ? [] : [taken])].sort((a, b) => a.offset - b.offset)) {
      if (range.offset > offset) gaps.push({ offset, end: range.offset });
      offset = Math.max(offset, Math.ceil(range.end / 64) * 64);
    }
    if (arena > offset) gaps.push({ offset, end: arena });
    return gaps;
  }
}
