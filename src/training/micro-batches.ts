import type { EpochDivision } from '../ir/epoch.js';
import type { FunctionName } from '../plan/plan.js';
import type { Collectives } from '../runtime/backend.js';
import { type OwnPart, ownPart } from './data/parts.js';

/** Steps that ranks issue at once at most: all the same, however fast each is. */
export const STEPS_OF_RANKS = 8;

/** One call of an optimizer step. */
export interface Micro {
  readonly fn: FunctionName;
  /** Images of all ranks, and what of them this one has. */
  readonly batch: number;
  readonly own: OwnPart;
}

/** The calls of a whole step and of the last one of an epoch, in order. */
export function microBatches(
  { batch, accumulate, tail }: EpochDivision,
  ranks: Pick<Collectives, 'rank' | 'size'> | undefined,
): { readonly whole: readonly Micro[]; readonly last: readonly Micro[] } {
  const micro = (fn: FunctionName, size: number): Micro => ({ fn, batch: size, own: ownPart(size, ranks) });
  const before = (count: number, fn: FunctionName): Micro[] => Array.from({ length: count }, () => micro(fn, batch));
  return {
    whole: [...before(accumulate - 1, 'accumulate_step'), micro('train_step', batch)],
    last: tail === undefined ? [] : [...before(tail.before, 'tail_accumulate_step'), micro('tail_step', tail.last)],
  };
}
