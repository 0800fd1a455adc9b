import type { OpName } from '../ir/op-names.js';
import type { Attr } from '../ir/types.js';

/** The attributes that a kernel implements: with every value, or with those listed. */
export type KernelAttributes = Readonly<Record<string, 'any' | readonly Attr[]>>;

/** By op: what a backend's kernel of it implements. */
export type AttributeTable = Readonly<Record<OpName, KernelAttributes>>;

/** Of a kernel whose op has no attributes. */
export const none: KernelAttributes = {};

/** Attributes of which every value is known. */
export function anyOf(...names: readonly string[]): KernelAttributes {
  return Object.fromEntries(names.map((name) => [name, 'any' as const]));
}
