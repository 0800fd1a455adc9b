import type { ValueId } from '../../ir/types.js';
import type { GroupContext } from './context.js';
import type { Kernel } from './kernel.js';

/**
 * What the formula of a node, and a read of other elements than its own, ask of the element for which they are written: `Locals` is one.
 */
export interface ElementValues {
  readonly context: GroupContext;
  readonly kernel: Kernel;
  /** Expression (u32) of the element's row-major index. */
  readonly at: { readonly index: string };
  readonly lines: string[];
  /** What several nodes share, by a key of the caller's. */
  readonly shared: Map<string, string>;
  /** Declares a variable. */
  let(expression: string, prefix?: string): string;
  /** Declares a variable, once per key. */
  once(key: string, build: () => string): string;
  /** Operand `index` of a node at this element. */
  operand(id: ValueId, index: number): string;
  /** An operand of shape [] in its own type. */
  scalar(id: ValueId): string;
  /** An operand of one number per channel. */
  perChannel(id: ValueId): string;
  /** Index along a last axis of the given size. */
  channel(channels: number): string;
  /** Expression of an element of a value in memory, widened to f32. */
  loadAt(id: ValueId, index: string): string;
}
