import type { TensorType } from '../ir/types.js';

/** Where a value begins in its block of memory, in bytes. */
export interface Slot {
  readonly type: TensorType;
  readonly offset: number;
}

/** Where every state of the plan lives; one block for all functions. */
export interface StateLayout {
  readonly slots: ReadonlyMap<string, Slot>;
  readonly bytes: number;
}
