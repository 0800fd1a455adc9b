import type { ValueId } from '../../ir/types.js';
import { type Code, emit, joined } from '../code.js';
import type { Locals, Position } from './expression.js';
import type { KernelContext } from './kernel.js';
import type { Place } from './place.js';
import { indent } from './text.js';

/** One thing that a loop computes at every position: a stored value, an update of a state, or a sum. */
export interface Root {
  readonly id: ValueId;
  /** Values that it reads at the position. */
  readonly reads: readonly ValueId[];
  /** Appends its statements for one vector. */
  body(locals: Locals): void;
  /** What a root that sums over the positions does beside. */
  readonly sum?: RootSum;
}

interface RootSum {
  /** Declares accumulators before the loop over positions. */
  declare(suffix: string): readonly Code[];
  /** In loops over rows: declares what the rows of a block add to, */
  declareBlock?(suffix: string): readonly Code[];
  /** and adds that to the accumulators. */
  endBlock?(suffix: string): readonly Code[];
  /** Stores the accumulators after the loop. `task` and the position's channel are in scope. */
  finish(context: KernelContext, at: Position, suffix: string): readonly Code[];
}

/** A loop over all elements of one shape, as a C function that does a part of it. */
export interface LoopFunction {
  /** What follows the function's head, whose parameters are LOOP_PARAMETERS. */
  readonly code: Code;
  /** Its table of buffers. */
  readonly table: readonly Place[];
  /** The range that `begin` and `end` cut into parts, and the length of one part. */
  readonly range: number;
  readonly part: number;
}

/** Elements that are worth a task of their own. */
export const TASK_ELEMENTS = 8192;
/** More tasks than that only cost; partial sums are kept one per task. */
export const MOST_TASKS = 64;
/** Length of the parts that a range of `count` units is cut into; a multiple of `multiple`. Depends on the shape alone. */
export function partLength(count: number, elementsPerUnit: number, multiple: number): number {
  const least = Math.max(Math.ceil(TASK_ELEMENTS / elementsPerUnit), Math.ceil(count / MOST_TASKS), 1);
  return Math.ceil(least / multiple) * multiple;
}

export function partCount(loop: { range: number; part: number }): number {
  return Math.max(1, Math.ceil(loop.range / loop.part));
}

export const LOOP_PARAMETERS = 'void *const *p, int64_t task, int64_t begin, int64_t end';

/** The function of a loop, but for its head. `begin` and `end` of its part are in scope of `body`. */
export function loopFunction(body: readonly Code[]): Code {
  return joined(['  (void)p;', '  (void)task;', ...indent(body), '}', ''], '\n');
}

export interface LoopOptions {
  readonly isMaterialized: (id: ValueId) => boolean;
}

/** Statements for every vector along one row of `length` elements; `c` and, in the last one, `n` are in scope. */
export function eachVector(
  length: number,
  lanes: number,
  body: (at: { readonly channel: string; readonly lanes?: string }) => readonly Code[],
): Code[] {
  const whole = Math.floor(length / lanes) * lanes;
  return [
    ...(whole > 0 ? [emit`for (int64_t c = 0; c < ${whole}; c += LANES) {`, ...indent(body({ channel: 'c' })), '}'] : []),
    ...(whole < length
      ? ['{', emit`  const int64_t c = ${whole}, n = ${length - whole};`, '  (void)n;', ...indent(body({ channel: 'c', lanes: 'n' })), '}']
      : []),
  ];
}
