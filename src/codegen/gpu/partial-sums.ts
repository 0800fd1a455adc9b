import { type Contraction, resultAt, slabsOf } from './contraction-geometry.js';
import type { Kernel } from './kernel.js';
import type { Place } from './layout.js';

/**
 * Terms that are added one after the other in a weight gradient. What they come to is then added to the part's sum, with what that addition
 * rounds off: the error of a sum does not grow with the batch.
 */
export const TERMS_IN_A_ROW = 256;

/** Where the parts of a weight gradient go: as many numbers for each as the gradient has. */
export interface PartialSums {
  readonly parts: number;
  readonly place: Place;
  /** What the additions rounded off, where a part adds up several runs of terms. */
  readonly rest: Place | undefined;
}

/** Statement that adds `sum`, a run of terms, to element (`m`, `n`) of `part`; `first`: the run is the part's first. */
export function addRun(
  kernel: Kernel,
  c: Contraction,
  { place, rest }: PartialSums,
  { m, n, sum, first }: { readonly m: string; readonly n: string; readonly sum: string; readonly first: string },
): string {
  const sums = kernel.write(place, 'f32');
  const slabs = slabsOf(c);
  const at = slabs === 1 ? `(part * ${c.m}u + ${m}) * ${c.n}u + ${n}` : `part * ${slabs * c.m * c.n}u + ${resultAt(c, `(${m})`, n)}`;
  if (rest === undefined) return `${sums}[${at}] = ${sum};`;
  const rests = kernel.write(rest, 'f32');
  return [
    `{ let at = ${at};`,
    `var pair = vec2f(${sum}, 0.0f);`,
    `if (!(${first})) { pair = ${kernel.helper('add_term')}(vec2f(${sums}[at], ${rests}[at]), pair.x); }`,
    `${sums}[at] = pair.x; ${rests}[at] = pair.y; }`,
  ].join(' ');
}

/** Statements that declare `sum`, a pair (`add_term`): the sum over the parts of what each left for element `i` of `count`. */
export function joinParts(kernel: Kernel, { place, parts, rest }: PartialSums, count: number): string[] {
  const at = `part * ${count}u + i`;
  const whole = kernel.read(place, 'f32', at);
  const next =
    rest === undefined
      ? `${kernel.helper('add_term')}(sum, ${whole})`
      : `${kernel.helper('add_pair')}(sum, vec2f(${whole}, ${kernel.read(rest, 'f32', at)}))`;
  return ['var sum = vec2f();', `for (var part = 0u; part < ${parts}u; part++) { sum = ${next}; }`];
}
