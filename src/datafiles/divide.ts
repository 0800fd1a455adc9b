import { createHash } from '../platform/hash.js';

/**
 * Where something stands, from 0 to 1, that decides on which side of a split it is: by what it is called, or holds, alone. `of`: which
 * split, where it is not that of the test images; the two have nothing to do with each other.
 */
export function drawOf(what: string | Uint8Array, of = ''): number {
  return Number.parseInt(createHash('sha256').update(of).update(what).digest('hex').slice(0, 8), 16) / 0x1_0000_0000;
}

/**
 * Which of one class are for testing: those drawn below `share`, so that none changes sides when others are added or taken away. Of at
 * least two, one is on each side.
 */
export function divide(draws: readonly number[], share: number): readonly boolean[] {
  const order = draws.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at || a.index - b.index);
  const below = order.filter(({ at }) => at < share).length;
  const count = order.length < 2 ? 0 : Math.min(order.length - 1, Math.max(1, below));
  const isTest = new Array<boolean>(draws.length).fill(false);
  for (const { index } of order.slice(0, count)) isTest[index] = true;
  return isTest;
}
