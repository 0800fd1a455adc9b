import type { Graph, ValueId } from '../ir/types.js';
import { byteLength } from '../ir/types.js';
import { storageRoot } from './fuse.js';
import type { Allocation, Group, MemoryPlan } from './plan.js';

/** Every allocation starts on a cache line, which is also the widest vector. */
const ALIGNMENT = 64;

interface FreeRange {
  readonly offset: number;
  readonly size: number;
}

function alignUp(size: number, alignment: number): number {
  return Math.ceil(Math.max(size, 1) / alignment) * alignment;
}

/** Free ranges by offset; allocation takes the smallest that fits, and only grows the arena when none does. */
class Arena {
  size = 0;
  private free: FreeRange[] = [];

  /** `boundary`: no allocation crosses a multiple of it. */
  constructor(private readonly boundary: number) {}

  allocate(size: number): number {
    let best = -1;
    for (const [index, range] of this.free.entries()) {
      if (range.size >= size && (best < 0 || range.size < this.free[best]!.size)) best = index;
    }
    if (best >= 0) {
      const range = this.free[best]!;
      const rest = { offset: range.offset + size, size: range.size - size };
      this.free.splice(best, 1, ...(rest.size > 0 ? [rest] : []));
      return range.offset;
    }
    const last = this.free.at(-1);
    if (last !== undefined && last.offset + last.size === this.size && !this.crosses(last.offset, size)) {
      this.free.pop();
      this.size = last.offset + size;
      return last.offset;
    }
    if (this.crosses(this.size, size)) {
      const next = alignUp(this.size, this.boundary);
      this.free.push({ offset: this.size, size: next - this.size });
      this.size = next;
    }
    this.size += size;
    return this.size - size;
  }

  /** Free ranges end at boundaries, too, so that only growing can cross one. What is larger than the boundary crosses it anyway. */
  private crosses(offset: number, size: number): boolean {
    return size <= this.boundary && Math.floor(offset / this.boundary) !== Math.floor((offset + size - 1) / this.boundary);
  }

  release(range: FreeRange): void {
    const at = this.free.findIndex((other) => other.offset > range.offset);
    const index = at < 0 ? this.free.length : at;
    const before = this.free[index - 1];
    const after = this.free[index];
    const joinsBefore = before !== undefined && before.offset + before.size === range.offset && range.offset % this.boundary !== 0;
    const joinsAfter = after !== undefined && range.offset + range.size === after.offset && after.offset % this.boundary !== 0;
    const offset = joinsBefore ? before.offset : range.offset;
    const end = joinsAfter ? after.offset + after.size : range.offset + range.size;
    this.free.splice(index - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), { offset, size: end - offset });
  }
}

/** The last group that reads each stored value; outputs live to the end. */
export function lastReads(graph: Graph, groups: readonly Group[]): Map<ValueId, number> {
  const last = new Map<ValueId, number>();
  for (const group of groups) {
    for (const id of group.nodes) {
      last.set(storageRoot(graph, id), Math.max(last.get(storageRoot(graph, id)) ?? 0, group.index));
      for (const input of graph.nodes[id]!.inputs) last.set(storageRoot(graph, input), group.index);
    }
  }
  for (const id of Object.values(graph.outputs)) last.set(storageRoot(graph, id), groups.length);
  return last;
}

/**
 * Places every stored value in one arena, at multiples of `alignment` bytes; values whose lives do not overlap share bytes. No value crosses a
 * multiple of `boundary` (a multiple of the alignment), so that each such piece may be a buffer of its own; a value larger than that is left to
 * the caller to refuse.
 */
export function planMemory(graph: Graph, groups: readonly Group[], alignment = ALIGNMENT, boundary = Number.POSITIVE_INFINITY): MemoryPlan {
  const last = lastReads(graph, groups);
  const arena = new Arena(boundary);
  const allocations: Allocation[] = [];
  const dying = groups.map((): Allocation[] => []);
  for (const group of groups) {
    for (const value of group.stores) {
      const size = byteLength(graph.nodes[value]!.type);
      const allocation = { value, offset: arena.allocate(alignUp(size, alignment)), size };
      allocations.push(allocation);
      dying[last.get(value)!]?.push(allocation);
    }
    for (const { offset, size } of dying[group.index]!) arena.release({ offset, size: alignUp(size, alignment) });
  }
  return { arena: arena.size, allocations };
}
