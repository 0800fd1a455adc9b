import type { LowType } from './types.js';

/** The processes that train one model together, and which of them this is. */
export interface Ranks {
  readonly count: number;
  /** From 0. */
  readonly rank: number;
}

/** Formats in which values travel between ranks. */
export type WireType = 'f32' | LowType;

/** Images that are side by side in a micro-batch. */
export interface Part {
  readonly from: number;
  readonly images: number;
}

/** What of a micro-batch of so many images a rank has: parts lie in the order of the ranks, and differ by one image at most. */
export function partOf(images: number, { count, rank }: Ranks): Part {
  const before = (of: number): number => Math.floor((images * of) / count);
  return { from: before(rank), images: before(rank + 1) - before(rank) };
}

/** A rank whose part has no image takes part all the same: with black ones, as many as a statistic needs, which count for nothing. */
const WITHOUT_IMAGES = 2;

/** The batch of a rank's functions for a part. */
export function batchOfPart({ images }: Part): number {
  return images === 0 ? WITHOUT_IMAGES : images;
}

/** What a function of one rank is in a micro-batch of all. */
export interface RankShare {
  /** How many ranks there are. */
  readonly ranks: number;
  /** The first of its images in the micro-batch, and how many there are as a share of all; 0: it has none. */
  readonly from: number;
  readonly share: number;
  /** Images of all ranks together, and those of its own graph. */
  readonly images: number;
  readonly batch: number;
}

export function shareOf(images: number, ranks: Ranks): RankShare {
  const part = partOf(images, ranks);
  return { ranks: ranks.count, from: part.from, share: part.images / images, images, batch: batchOfPart(part) };
}

/** The batch of a graph, where that of all ranks is of so many images, and what this rank has of them; of one rank it has all. */
export function graphOf(images: number, ranks: Ranks | undefined): { readonly batch: number; readonly share?: RankShare } {
  if (ranks === undefined) return { batch: images };
  const share = shareOf(images, ranks);
  return { batch: share.batch, share };
}
