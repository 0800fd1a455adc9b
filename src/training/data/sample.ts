import { permutation } from '../../random/permutation.js';

/**
 * Numbers of images of a set to look at, drawn by `seed`: at most `most`, a second one of a class only where all classes have one, and so
 * on; `ofClass`: at most so many of each. In the order of their labels.
 */
export function sampleOf(labels: Int32Array, most: number, seed: number, ofClass = Number.POSITIVE_INFINITY): number[] {
  const rounds: number[][] = [];
  const drawn = new Map<number, number>();
  for (const number of permutation(labels.length, seed, 0)) {
    const label = labels[number]!;
    const round = drawn.get(label) ?? 0;
    drawn.set(label, round + 1);
    if (round >= ofClass) continue;
    if (rounds.length === round) rounds.push([]);
    rounds[round]!.push(number);
  }
  return rounds
    .flat()
    .slice(0, most)
    .sort((a, b) => labels[a]! - labels[b]! || a - b);
}
