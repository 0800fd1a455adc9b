import { type Code, partsOf, Quantity } from '../code.js';
import { Head, NumberTable, OwnName } from './kernel-code.js';

/** A place in C code where kernels of one form may differ: a number, the size of an array on the stack, or a constant table of numbers. */
export type Slot = Quantity | NumberTable;

export function isSlot(part: unknown): part is Slot {
  return part instanceof Quantity || part instanceof NumberTable;
}

/** Where code may differ from others of its form, in order. */
export function slotsOf(code: Code): readonly Slot[] {
  return partsOf(code).filter(isSlot);
}

/** Whether code is of one form: it differs in its slots and comments alone. */
export function isAlike(a: Code, b: Code): boolean {
  const others = partsOf(b);
  return partsOf(a).every((part, i) => {
    const other = others[i]!;
    return typeof part === 'string' ? part === other : typeof other !== 'string' && part.key === other.key;
  });
}

/** Whether all that refers to the functions of a kernel, but for the entries, are calls, which can hand on numbers. */
export function canShare(code: Code, entries: ReadonlySet<string>): boolean {
  const functions = new Set<string>();
  const named = new Set<string>();
  for (const part of partsOf(code)) {
    if (part instanceof Head) functions.add(part.name.suffix);
    else if (part instanceof OwnName) named.add(part.suffix);
  }
  for (const name of named) if (functions.has(name) && !entries.has(name)) return false;
  return true;
}
