import type { Binding } from '../gpu/kernel.js';
import type { Part } from './kernel.js';

/** A part of some kernel, and the number of the group of its function that it is of. */
export interface Work {
  readonly part: Part;
  readonly group: number;
}

/** Parts that run in one launch, none of which reads what another writes; then, in the block that ends last, stages of small ones. */
export interface Stages {
  readonly parts: readonly Work[];
  readonly tail: readonly (readonly Work[])[];
}

/** How many launches ahead of its turn a part may run: what it makes waits in memory for its reader. */
const AHEAD = 3;
/** Bytes that one block works on in less time than a launch takes, and stages of such work behind a launch. */
const SMALL_BYTES = 2 ** 16;
const MOST_STAGES = 4;
/** Bytes of a kernel's parameters, as far as they are counted here; the device takes 4 KB. */
const PARAMETER_BYTES = 3800;
/** Parts of a kernel that are unlike each other and have blocks of their own: each takes registers for all. */
const MOST_UNLIKE = 4;

interface Use {
  readonly from: number;
  readonly to: number;
  readonly launch: number;
  readonly written: boolean;
  /** The group, of what no other such part of it meets. */
  readonly apart: number | undefined;
}

/** Bytes that a part is bound to, by what they belong to: a state, a value, or the workspace of a group. */
function ownerOf({ place: { block, offset } }: Binding, group: number): string {
  return block === 'work' ? `work ${group}` : `${block} ${offset}`;
}

/** What the launches so far read and write. */
class Uses {
  readonly #of = new Map<string, Use[]>();

  /** The first launch in which everything is there, and nothing that the work overwrites is read any more. */
  earliest(work: Work): number {
    let first = 0;
    for (const [owner, mine] of this.#usesOf(work, 0))
      for (const use of this.#of.get(owner) ?? []) if (use.launch >= first && meet(use, mine)) first = use.launch + 1;
    return first;
  }

  note(work: Work, launch: number): void {
    for (const [owner, use] of this.#usesOf(work, launch)) {
      const uses = this.#of.get(owner);
      if (uses === undefined) this.#of.set(owner, [use]);
      else uses.push(use);
    }
  }

  #usesOf({ part, group }: Work, launch: number): [owner: string, use: Use][] {
    return part.bindings
      .filter(({ place }) => place.block !== 'inputs')
      .map((binding) => {
        const { offset, bytes } = binding.place;
        const written = binding.access === 'read_write';
        return [
          ownerOf(binding, group),
          { from: offset, to: offset + bytes, launch, written, apart: part.apart === true && written ? group : undefined },
        ];
      });
  }
}

function meet(a: Use, b: Use): boolean {
  if (!a.written && !b.written) return false;
  if (a.apart !== undefined && a.apart === b.apart) return false;
  return a.from < b.to && b.from < a.to;
}

/** Launches to come, each with what it has so far. */
class Launch {
  readonly parts: Work[] = [];
  readonly #places = new Set<string>();
  readonly #unlike = new Set<string>();

  add(work: Work): void {
    this.parts.push(work);
    for (const key of keysOf(work)) this.#places.add(key);
    if (work.part.flat === undefined) this.#unlike.add(work.part.code);
  }

  takes(work: Work): boolean {
    if (work.part.flat === undefined && !this.#unlike.has(work.part.code) && this.#unlike.size >= MOST_UNLIKE) return false;
    const places = new Set([...this.#places, ...keysOf(work)]);
    const numbers = [...this.parts, work].reduce((sum, { part }) => sum + part.numbers.length + 2, 0);
    return 8 * places.size + 4 * numbers <= PARAMETER_BYTES;
  }
}

function keysOf({ part, group }: Work): string[] {
  return part.bindings.map((binding) => `${ownerOf(binding, group)} ${binding.place.offset} ${binding.type}`);
}

/** Whether everything that a part reads is there before the call, as weights are. */
function isFree({ part }: Work): boolean {
  return part.bindings.every(({ place, access }) => access === 'read_write' || place.block === 'states' || place.block === 'inputs');
}

/** Whether one block has soon done it. */
function isSmall({ part: { flat, workgroups, bindings } }: Work): boolean {
  const bytes = bindings.reduce((sum, { place }) => sum + place.bytes, 0);
  return bytes <= SMALL_BYTES && (flat !== undefined || workgroups.every((count) => count === 1));
}

/**
 * Puts the parts of a function into as few launches as it can: each runs as soon as what it reads is there, beside what runs then anyway.
 * The order depends on the plan alone.
 */
export function schedule(works: readonly Work[]): readonly Stages[] {
  const launches: Launch[] = [];
  const uses = new Uses();
  for (const work of works) {
    const earliest = Math.max(uses.earliest(work), isFree(work) ? 0 : launches.length - AHEAD);
    let at = earliest;
    while (at < launches.length && !launches[at]!.takes(work)) at += 1;
    if (at === launches.length) launches.push(new Launch());
    launches[at]!.add(work);
    uses.note(work, at);
  }
  const stages: { readonly parts: readonly Work[]; readonly tail: (readonly Work[])[] }[] = [];
  for (const { parts } of launches) {
    const before = stages.at(-1);
    if (before !== undefined && before.tail.length < MOST_STAGES && parts.every(isSmall)) before.tail.push(parts);
    else stages.push({ parts, tail: [] });
  }
  return stages;
}
