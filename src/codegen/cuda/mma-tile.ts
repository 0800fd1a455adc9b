/** A block of `down` x `across` warps computes `m` x `n` results. */
export interface MmaTile {
  readonly m: number;
  readonly n: number;
  readonly down: number;
  readonly across: number;
}

/** A warp has 16 x 16 results or more: what one load of four matrices serves. */
export const TILES: readonly MmaTile[] = [
  { m: 128, n: 128, down: 2, across: 4 },
  { m: 128, n: 64, down: 4, across: 2 },
  { m: 64, n: 64, down: 2, across: 2 },
  { m: 64, n: 32, down: 2, across: 2 },
  { m: 32, n: 32, down: 2, across: 2 },
];
