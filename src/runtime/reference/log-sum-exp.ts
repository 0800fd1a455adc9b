import type { Elements } from './kernel.js';

/** Logarithm of the sum of exponentials of x[from .. from + length), with the maximum taken out. */
export function logSumExp(x: Elements, from: number, length: number): number {
  let max = -Infinity;
  for (let k = 0; k < length; k += 1) max = Math.max(max, x[from + k]);
  let sum = 0;
  for (let k = 0; k < length; k += 1) sum += Math.exp(x[from + k] - max);
  return max + Math.log(sum);
}

export function rowLogSums(x: Elements, rows: number, length: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => logSumExp(x, row * length, length));
}
