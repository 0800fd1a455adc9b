import type { Graph } from '../ir/types.js';
import { byteLength } from '../ir/types.js';
import type { Group, MemoryPlan } from './plan.js';
import { firstPosition } from './search.js';
import { storageRoot } from './storage.js';

/** Every allocation starts on a cache line, which is also the widest vector. */
const ALIGNMENT = 64;

interface FreeRange {
  readonly offset: number;
  readonly size: number;
}

function alignUp(size: number, alignment: number): number {
  return Math.ceil(Math.max(size, 1) / alignment) * alignment;
}

/** The first position in ascending numbers whose number is not below `value`. */
function lowerBound(numbers: readonly number[], value: number): number {
  return firstPosition(numbers.length, (i) => numbers[i]! >= value);
}

/** Ranges that are free, found by either end and by size: a deep network has as many as layers. */
class FreeRanges {
  private readonly sizeAt = new Map<number, number>();
  private readonly startOf = new Map<number, number>();
  private readonly sizes: number[] = [];
  private readonly offsetsOf = new Map<number, number[]>();

  add({ offset, size }: FreeRange): void {
    if (size <= 0) return;
    this.sizeAt.set(offset, size);
    this.startOf.set(offset + size, offset);
    const offsets = this.offsetsOf.get(size);
    if (offsets !== undefined) offsets.splice(lowerBound(offsets, offset), 0, offset);
    else {
      this.offsetsOf.set(size, [offset]);
      this.sizes.splice(lowerBound(this.sizes, size), 0, size);
    }
  }

  remove({ offset, size }: FreeRange): void {
    this.sizeAt.delete(offset);
    this.startOf.delete(offset + size);
    const offsets = this.offsetsOf.get(size)!;
    offsets.splice(lowerBound(offsets, offset), 1);
    if (offsets.length > 0) return;
    this.offsetsOf.delete(size);
    this.sizes.splice(lowerBound(this.sizes, size), 1);
  }

  startingAt(offset: number): FreeRange | undefined {
    const size = this.sizeAt.get(offset);
    return size === undefined ? undefined : { offset, size };
  }

  endingAt(end: number): FreeRange | undefined {
    const offset = this.startOf.get(end);
    return offset === undefined ? undefined : { offset, size: end - offset };
  }

  /** The smallest range of at least that size; of several, the first. */
  smallest(least: number): FreeRange | undefined {
    const size = this.sizes[lowerBound(this.sizes, least)];
    return size === undefined ? undefined : { offset: this.offsetsOf.get(size)![0]!, size };
  }
}

/** Allocation takes the smallest free range that fits, and only grows the arena when none does. */
class Arena {
  size = 0;
  private readonly free = new FreeRanges();

  /** `boundary`: no allocation crosses a multiple of it. */
  constructor(private readonly boundary: number) {}

  allocate(size: number): number {
    const best = this.free.smallest(size);
    if (best !== undefined) {
      this.free.remove(best);
      this.free.add({ offset: best.offset + size, size: best.size - size });
      return best.offset;
    }
    const last = this.free.endingAt(this.size);
    if (last !== undefined && !this.crosses(last.offset, size)) {
      this.free.remove(last);
      this.size = last.offset + size;
      return last.offset;
    }
    if (this.crosses(this.size, size)) {
      const next = alignUp(this.size, this.boundary);
      this.free.add({ offset: this.size, size: next - this.size });
      this.size = next;
    }
    this.size += size;
    return this.size - size;
  }

  /** Free ranges end at boundaries, too, so that only growing can cross one. What is larger than the boundary crosses it anyway. */
  private crosses(offset: number, size: number): boolean {
    return size <= this.boundary && Math.floor(offset / this.boundary) !== Math.floor((offset + size - 1) / this.boundary);
  }

  release({ offset, size }: FreeRange): void {
    const end = offset + size;
    const before = offset % this.boundary === 0 ? undefined : this.free.endingAt(offset);
    const after = end % this.boundary === 0 ? undefined : this.free.startingAt(end);
    if (before !== undefined) this.free.remove(before);
    if (after !== undefined) this.free.remove(after);
    const from = before?.offset ?? offset;
    this.free.add({ offset: from, size: (after === undefined ? end : end + after.size) - from });
  }
}

/**
 * By value: the last group that reads it, or makes what nothing reads; outputs live to the end. What shares another's memory counts as
 * that.
 */
export function lastReads(graph: Graph, groups: readonly Group[]): Int32Array {
  const last = new Int32Array(graph.nodes.length);
  for (const group of groups) {
    for (const id of group.nodes) {
      const root = storageRoot(graph, id);
      last[root] = Math.max(last[root]!, group.index);
      for (const input of graph.nodes[id]!.inputs) last[storageRoot(graph, input)] = group.index;
    }
  }
  for (const id of Object.values(graph.outputs)) last[storageRoot(graph, id)] = groups.length;
  return last;
}

/** Bytes that are needed in steps `first` to `last`, both included. */
export interface Life {
  readonly size: number;
  readonly first: number;
  readonly last: number;
}

/** Offsets in one arena of what lives in some of `steps` steps, as `planMemory` places values. */
export function placeLives(
  lives: readonly Life[],
  steps: number,
  alignment = ALIGNMENT,
  boundary = Number.POSITIVE_INFINITY,
): { readonly arena: number; readonly offsets: readonly number[] } {
  const arena = new Arena(boundary);
  const offsets = new Array<number>(lives.length);
  const born = Array.from({ length: steps }, (): number[] => []);
  const dying = Array.from({ length: steps }, (): number[] => []);
  for (const [i, { first }] of lives.entries()) born[first]!.push(i);
  for (let step = 0; step < steps; step += 1) {
    for (const i of born[step]!) {
      const { size, last } = lives[i]!;
      offsets[i] = arena.allocate(alignUp(size, alignment));
      dying[last]?.push(i);
    }
    for (const i of dying[step]!) arena.release({ offset: offsets[i]!, size: alignUp(lives[i]!.size, alignment) });
  }
  return { arena: arena.size, offsets };
}

/**
 * Places every stored value in one arena, at multiples of `alignment` bytes; values whose lives do not overlap share bytes. No value
 * crosses a multiple of `boundary` (a multiple of the alignment), so that each such piece may be a buffer of its own; a value larger than
 * that is left to the caller to refuse.
 */
export function planMemory(graph: Graph, groups: readonly Group[], alignment = ALIGNMENT, boundary = Number.POSITIVE_INFINITY): MemoryPlan {
  const last = lastReads(graph, groups);
  const values = groups.flatMap(({ stores, index }) =>
    stores.map((value) => ({ value, size: byteLength(graph.nodes[value]!.type), first: index, last: last[value]! })),
  );
  const { arena, offsets } = placeLives(values, groups.length, alignment, boundary);
  return { arena, allocations: values.map(({ value, size }, i) => ({ value, offset: offsets[i]!, size })) };
}
