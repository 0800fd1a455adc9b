import type { Lattice } from './contraction-geometry.js';

/** Neighbouring summed indices in the staged image. */
export type Run = readonly [offset: number, length: number];

/** Summed indices that are added up in f32 at once. */
export interface Block {
  /** Index into the table of runs, and how many. */
  readonly first: number;
  readonly count: number;
  /** Summed indices before this block, in the packed weight. */
  readonly row: number;
}

/** Sums over k in the order in which the staged image lies in memory: neighbouring taps join to one run. */
export function runsOf(lattice: Lattice, stagedWidth: number, kc: number): Summation {
  const taps = lattice.taps
    .map((tap) => ({ weight: tap.weight, offset: (tap.row * stagedWidth + tap.column) * kc }))
    .sort((a, b) => a.offset - b.offset);
  const runs: [number, number][] = [];
  for (const { offset } of taps) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === offset) last[1] += kc;
    else runs.push([offset, kc]);
  }
  return { runs, taps: taps.map((tap) => tap.weight) };
}

export interface Summation {
  readonly runs: readonly Run[];
  readonly taps: readonly number[];
}

/** Whether the taps of a window's row follow each other in the staged image. */
export function hasWholeRows({ taps }: Lattice): boolean {
  return taps.every((tap, i) => i === 0 || tap.row !== taps[i - 1]!.row || tap.column === taps[i - 1]!.column + 1);
}

/** The same with a window's row as one tap of `columns` times as many channels, two of them a pair. */
export function joinedRuns(lattice: Lattice, stagedWidth: number, channels: number): Summation & { readonly columns: number } {
  const columns = lattice.taps.filter((tap) => tap.row === lattice.taps[0]!.row).length;
  const starts = lattice.taps.filter((tap) => tap.weight % columns === 0);
  const runs = starts.map((tap): Run => [(tap.row * stagedWidth + tap.column) * channels, Math.ceil((columns * channels) / 2)]);
  return { runs, taps: starts.map((tap) => tap.weight / columns), columns };
}

/** Cuts runs into blocks of at most `limit` summed indices. */
export function cutRuns(runs: readonly Run[], limit: number, table: Run[], firstRow: number): Block[] {
  const total = runs.reduce((sum, run) => sum + run[1], 0);
  const size = Math.ceil(total / Math.max(1, Math.ceil(total / limit)));
  const blocks: Block[] = [];
  let row = firstRow;
  let open = { first: table.length, count: 0, row, filled: 0 };
  for (const [offset, length] of runs) {
    for (let done = 0; done < length; ) {
      const take = Math.min(length - done, size - open.filled);
      table.push([offset + done, take]);
      open = { ...open, count: open.count + 1, filled: open.filled + take };
      done += take;
      row += take;
      if (open.filled === size) {
        blocks.push(open);
        open = { first: table.length, count: 0, row, filled: 0 };
      }
    }
  }
  if (open.count > 0) blocks.push(open);
  return blocks;
}
