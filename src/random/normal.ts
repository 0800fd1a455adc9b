import { threefry2x32 } from './threefry.js';

/** Uniform in (0, 1), with all 32 bits of a word. */
function open01(word: number): number {
  return (word + 0.5) * 2 ** -32;
}

/**
 * Element `index` of a sequence of standard normal numbers, as `uniformAt` of uniform ones: two elements are made of the two words of one
 * call (Box and Muller 1958). With 32 bits none is further from 0 than 6.8.
 */
export function normalAt(seed: number, stream: number, index: number, step: number): number {
  const [a, b] = threefry2x32(seed, stream, index >>> 1, step);
  const radius = Math.sqrt(-2 * Math.log(open01(a)));
  const angle = 2 * Math.PI * open01(b);
  return radius * ((index & 1) === 0 ? Math.cos(angle) : Math.sin(angle));
}

/**
 * A normal number that is not beyond the limit: drawn again until it is not, of the normal distribution while that keeps most, otherwise of
 * a uniform one that keeps each number by its density. Every draw has a counter of its own.
 */
export function truncatedNormalAt(
  { std, limit }: { readonly std: number; readonly limit: number },
  seed: number,
  stream: number,
  index: number,
): number {
  for (let step = 0; ; step += 1) {
    if (limit >= std) {
      const x = std * normalAt(seed, stream, index, step);
      if (Math.abs(x) <= limit) return x;
    } else {
      const [a, b] = threefry2x32(seed, stream, index, step);
      const x = (2 * open01(a) - 1) * limit;
      if (open01(b) <= Math.exp(-0.5 * (x / std) ** 2)) return x;
    }
  }
}
