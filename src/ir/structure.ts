import type { Attrs } from './types.js';

/*
 * The ops that the IR itself has a form for, and the one that passes put between others. What is to be known of any other op stands in its
 * declaration (`ops/`).
 */

/** A node, or what is kept of one. */
interface Named {
  readonly op: string;
}

/** A value that the caller passes; the text form has it in the function's signature. */
export function isInput({ op }: Named): boolean {
  return op === 'input';
}

/** A tensor that persists between calls, by its name. */
export function isState({ op }: Named): boolean {
  return op === 'state';
}

/** A state in a low format that a backend makes of an f32 one whenever that is written; no checkpoint has it. */
export function isCopy(node: Named & { readonly attrs: Attrs }): boolean {
  return isState(node) && node.attrs.of !== undefined;
}

/** A number that kernels hold in their code. */
export function isConstant({ op }: Named): boolean {
  return op === 'constant';
}

/** The same numbers in another format. */
export function isCast({ op }: Named): boolean {
  return op === 'cast';
}
