import type { Loc, Node, ValueId } from '../ir/types.js';

/** A trained parameter and its gradient. */
export interface Parameter {
  readonly name: string;
  readonly node: Node;
  readonly gradient: ValueId;
}

/** Layer and place of what is computed for a parameter. */
export function placeOf({ layer, loc }: Node): { readonly layer: string; readonly loc?: Loc } {
  return { layer, ...(loc && { loc }) };
}
