import { type Life, placeLives } from '../../plan/memory.js';
import type { FunctionLayout, Place } from '../gpu/layout.js';
import type { Stages, Work } from './schedule.js';

/** A piece of memory that lives and dies as one: a value, or the workspace of a group. */
interface Piece {
  start: number;
  end: number;
  first: number;
  last: number;
}

type Pieces = Map<string, Piece>;

/** Of each group, where the pieces of its workspace start: places that overlap are of one. */
function workStarts(works: readonly Work[]): ReadonlyMap<number, readonly number[]> {
  const places = new Map<number, Place[]>();
  for (const { part, group } of works)
    for (const { place } of part.bindings) {
      if (place.block !== 'work') continue;
      const known = places.get(group);
      if (known === undefined) places.set(group, [place]);
      else known.push(place);
    }
  const starts = (all: readonly Place[]): number[] => {
    const found: number[] = [];
    let end = Number.NEGATIVE_INFINITY;
    for (const { offset, bytes } of all.toSorted((a, b) => a.offset - b.offset)) {
      if (offset >= end) found.push(offset);
      end = Math.max(end, offset + bytes);
    }
    return found;
  };
  return new Map([...places].map(([group, all]) => [group, starts(all)]));
}

function isMoved({ block }: Place): boolean {
  return block === 'arena' || block === 'work';
}

/** Takes note that a place is used in a step. */
function use(pieces: Pieces, key: string, { offset, bytes }: Place, step: number): void {
  const piece = pieces.get(key);
  if (piece === undefined) pieces.set(key, { start: offset, end: offset + bytes, first: step, last: step });
  else {
    piece.start = Math.min(piece.start, offset);
    piece.end = Math.max(piece.end, offset + bytes);
    piece.first = Math.min(piece.first, step);
    piece.last = Math.max(piece.last, step);
  }
}

/** Where the values of a function lie when memory is shared by what is not needed at one time. */
export interface Relocation {
  readonly layout: FunctionLayout;
  /** A place of a part of that group. */
  place(place: Place, group: number): Place;
}

/** Lays out the values of a function anew, in which each had bytes of its own, now that it is known what runs when. */
export function relocate(layout: FunctionLayout, stages: readonly Stages[]): Relocation {
  const pieces: Pieces = new Map();
  const starts = workStarts(stages.flatMap(({ parts, tail }) => [...parts, ...tail.flat()]));
  /** A value begins where its place does; the workspaces of groups lie apart. */
  const keyOf = ({ block, offset }: Place, group: number): string =>
    block === 'work' ? `work ${starts.get(group)!.findLast((start) => start <= offset)}` : `arena ${offset}`;
  const steps: readonly (readonly Work[])[] = stages.flatMap(({ parts, tail }) => [parts, ...tail]);
  for (const [step, works] of steps.entries())
    for (const { part, group } of works)
      for (const { place } of part.bindings) {
        if (isMoved(place)) use(pieces, keyOf(place, group), place, step);
      }
  const outputs = [...layout.scalars.map(({ source }) => source), ...[...layout.tensors.values()].map(({ place }) => place)];
  for (const place of outputs) if (typeof place !== 'number' && isMoved(place)) use(pieces, keyOf(place, -1), place, steps.length);
  const all = [...pieces];
  const lives = all.map(([, { start, end, first, last }]): Life => ({ size: end - start, first, last }));
  const { arena, offsets } = placeLives(lives, steps.length + 1);
  const moves = new Map(all.map(([key, { start }], i) => [key, offsets[i]! - start]));
  const moved = (place: Place, group = -1): Place => {
    if (!isMoved(place)) return place;
    const by = moves.get(keyOf(place, group));
    return by === undefined ? place : { ...place, block: 'arena', offset: place.offset + by };
  };
  return {
    layout: {
      ...layout,
      arenaBytes: arena,
      keptBytes: 0,
      // What no part is bound to is nowhere.
      places: new Map(
        [...layout.places].filter(([, place]) => !isMoved(place) || moves.has(keyOf(place, -1))).map(([id, place]) => [id, moved(place)]),
      ),
      scalars: layout.scalars.map((scalar) => ({
        ...scalar,
        source: typeof scalar.source === 'number' ? scalar.source : moved(scalar.source),
      })),
      tensors: new Map([...layout.tensors].map(([name, tensor]) => [name, { ...tensor, place: moved(tensor.place) }])),
    },
    place: moved,
  };
}
