import type { ComputeType, Graph, ValueId } from '../ir/types.js';
import type { PlanTarget } from './target.js';

/**
 * What a group computes in one launch.
 * - `contraction`: one conv2d/linear or gradient of it, with the elementwise ops and pools that consume its accumulators, behind an op
 *   that makes its operand (`PlanTarget.staged`), and with sums over all axes but the last of what it makes (`PlanTarget.channelSums`).
 * - `attention`: a softmax of matrix products and the weighted sums by it, or the gradients of that, a head at a time.
 * - `map`: elementwise ops (and pools) of one result shape, evaluated element by element.
 * - `rows`: ops over the last axis (softmax, losses) with the elementwise ops around them.
 * - `reduce`: sums over all axes but the last (bias gradients, batch statistics).
 * - `update`: the optimizer: finite check, clipping and parameter updates.
 * - `scalar`: bookkeeping on single numbers.
 * - `exchange`: a bucket of values that are added up over all ranks of a run.
 */
export const GROUP_KINDS = ['contraction', 'attention', 'map', 'rows', 'reduce', 'update', 'scalar', 'exchange'] as const;
export type GroupKind = (typeof GROUP_KINDS)[number];

/**
 * A set of nodes that run as one kernel. Every intermediate is rounded to its printed format, so fusing changes no value; sums over rows
 * alone may be added up in another order (`PlanTarget.channelSums`).
 */
export interface Group {
  /** Position in execution order, from 0. */
  readonly index: number;
  /** Unique readable name, a C identifier: `conv1`, `conv2_weight_grad`. */
  readonly name: string;
  readonly kind: GroupKind;
  /** In execution order. */
  readonly nodes: readonly ValueId[];
  /** Nodes whose results are read outside the group (or are outputs of the function); the others never reach memory. */
  readonly stores: readonly ValueId[];
}

/** Bytes [offset, offset + size) of the function's arena. */
export interface Allocation {
  readonly value: ValueId;
  readonly offset: number;
  readonly size: number;
}

export interface MemoryPlan {
  /** Bytes of the arena that holds all stored values of the function; states live outside it. */
  readonly arena: number;
  /** By value; a `reshape` shares the allocation of its operand and has none of its own. */
  readonly allocations: readonly Allocation[];
}

/**
 * - `train_step`: one optimizer step, or its last micro-batch.
 * - `accumulate_step`: a micro-batch before the last: forward and backward, adding to the gradient states.
 * - `tail_accumulate_step`, `tail_step`: the same for the last step of an epoch, where its images fill no whole one.
 * - `eval_step`: logits, loss, and, of classes, correct.
 */
export const FUNCTION_NAMES = ['train_step', 'accumulate_step', 'tail_accumulate_step', 'tail_step', 'eval_step'] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

/** Functions that a run first needs at the end of an epoch. */
const OF_TAIL = {
  train_step: false,
  accumulate_step: false,
  tail_accumulate_step: true,
  tail_step: true,
  eval_step: false,
} as const satisfies Readonly<Record<FunctionName, boolean>>;

export function isOfTail(name: FunctionName): boolean {
  return OF_TAIL[name];
}

export interface PlanFunction {
  readonly name: FunctionName;
  readonly batch: number;
  /** After casts, scaling and fusion: exactly what runs. */
  readonly graph: Graph;
  /** Partition of all nodes but `input`, `state` and `constant`. */
  readonly groups: readonly Group[];
  readonly memory: MemoryPlan;
}

export interface Plan {
  readonly model: string;
  readonly policy: string;
  readonly precision: ComputeType;
  readonly target: PlanTarget;
  readonly functions: readonly PlanFunction[];
}
