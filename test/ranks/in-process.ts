import { addUp, type Collectives } from '../../src/runtime/collectives.js';

/** Ranks that run side by side in this process. */
export function ranksInProcess(size: number): readonly Collectives[] {
  // What travels between steps does not wait for what a step exchanges.
  const [gather, gatherParts] = [meeting(size), meeting(size)];
  const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) => new Uint8Array(buffer, byteOffset, byteLength);
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    gather: (own) => gather(rank, own),
    sum: async (own, wire) => {
      const parts = await gatherParts(rank, bytesOf(own));
      return addUp(
        parts.map((part) => new Float32Array(part.buffer, part.byteOffset, part.length / 4)),
        wire,
      );
    },
  }));
}

/** Where ranks give something, and go on with what all gave. */
function meeting(size: number): (rank: number, own: Uint8Array) => Promise<readonly Uint8Array[]> {
  let given: (Uint8Array | undefined)[] = [];
  let waiting: ((all: readonly Uint8Array[]) => void)[] = [];
  return (rank, own) => {
    if (given[rank] !== undefined) throw new Error(`rank ${rank} is ahead of the others`);
    given[rank] = own.slice();
    return new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length < size) return;
      const [all, resolves] = [given as Uint8Array[], waiting];
      [given, waiting] = [[], []];
      for (const one of resolves) one(all);
    });
  };
}
