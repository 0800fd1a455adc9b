import type { GraphBuilder } from '../ir/builder.js';
import type { OpName } from '../ir/op-names.js';
import type { Attrs, DType, Loc, Node, TensorType, ValueId } from '../ir/types.js';
import { isFloat } from '../ir/types.js';
import type { OpTraits } from './traits.js';

/**
 * How the precision pass treats an op.
 * - `low`: float operands and result in the compute format, accumulation in f32.
 * - `full`: float operands and result in f32.
 * - `promote`: the widest format among the float operands.
 * - `follow`: the format of the first float operand.
 * - `source`: makes a float from integers; takes the format that its consumers want.
 * - `fixed`: the types are part of the op's meaning and no policy changes them (states, optimizers, bookkeeping).
 * An op of the backward pass has the class of its forward op; its result takes the format of the value it is the gradient of.
 */
export type PrecisionClass = 'low' | 'full' | 'promote' | 'follow' | 'source' | 'fixed';

/**
 * What kind of loop computes an op; fusion groups by it.
 * - `source`: no work of its own (`input`, `state`, `constant`); its type is declared on the node, not inferred.
 * - `contraction`: multiply and add over a contracted axis (conv2d, linear and their gradients).
 * - `elementwise`: one result element from the same element (and per-channel or scalar values).
 * - `pool`: one result element from a small window.
 * - `reduce`: sums over all axes but the last: one number per channel.
 * - `total`: one number of all elements of any number of tensors.
 * - `rows`: works along the last axis.
 * - `axes`: one number of all elements along some neighbouring axes, for each place along the others.
 * - `view`: the same memory under another shape.
 * - `copy`: moves elements without computing.
 * - `update`: writes states, element by element.
 * - `counter`: writes states that are single numbers, for the next step.
 * - `scalar`: bookkeeping on single numbers.
 * - `exchange`: the same elements of all ranks of a run.
 */
export type OpKind =
  | 'source'
  | 'contraction'
  | 'elementwise'
  | 'pool'
  | 'reduce'
  | 'total'
  | 'rows'
  | 'axes'
  | 'view'
  | 'copy'
  | 'update'
  | 'counter'
  | 'scalar'
  | 'exchange';

/**
 * - `class`: the operand is cast to what the op's class says.
 * - `accumulator`: joins the f32 accumulator: f32 under `mixed`, the class's format under `autocast` (a convolution's bias).
 * - `exact`: read as it is stored, whatever float format that is, and widened without loss (statistics, reductions).
 * - `f32`, `i32`, `u8`, `bool`: exactly this format always.
 */
export type OperandFormat = 'class' | 'accumulator' | 'exact' | 'f32' | 'i32' | 'u8' | 'bool';

export interface OperandSpec {
  readonly name: string;
  readonly format: OperandFormat;
  readonly optional?: boolean;
  /** Only on the last operand: stands for zero or more of its kind. */
  readonly variadic?: boolean;
}

export type AttrKind = 'number' | 'string' | 'boolean' | 'numbers' | 'strings';

export interface AttrSpec {
  readonly kind: AttrKind;
  readonly doc: string;
  readonly optional?: boolean;
}

/**
 * The result's format:
 * - `class`: as the precision class says.
 * - `accumulator`: f32 under `mixed` (leaves the accumulator unrounded), the class's format under `autocast` (parameter gradients).
 * - `first`: that of the first operand (what an update leaves in a state).
 * - a dtype: always that.
 */
export type ResultFormat = 'class' | 'accumulator' | 'first' | 'f32' | 'i32' | 'u8' | 'bool';

/** A broken constraint of an op; `label` (such as `conv2d_c3`) joins the documentation, the check and the test. */
export class ConstraintError extends Error {
  readonly label: string;

  constructor(label: string, message: string) {
    super(message);
    this.name = 'ConstraintError';
    this.label = label;
  }
}

/** Throws a ConstraintError unless `holds`. A message that takes work to make is given as a function. */
export function constrain(holds: boolean, label: string, message: string | (() => string)): asserts holds {
  if (!holds) throw new ConstraintError(label, typeof message === 'string' ? message : message());
}

export interface EmitOptions {
  readonly layer?: string;
  readonly loc?: Loc;
  /** Why the op is there, where its place in the program does not say it. */
  readonly why?: string;
  readonly gradOf?: ValueId;
  readonly updateOf?: ValueId;
}

/** What a gradient rule sees. */
export interface GradientContext {
  readonly builder: GraphBuilder;
  /** The forward node being differentiated. */
  readonly node: Node;
  /** The gradient of the node's result. */
  readonly dy: ValueId;
  /** Whether operand `index` needs a gradient. */
  needs(index: number): boolean;
  /**
   * Emits an op whose result is a gradient of operand `of`; undefined for a helper value that is no gradient (a pool's index).
   * Layer and place are the forward node's.
   */
  emit(op: OpName, inputs: readonly ValueId[], attrs: Attrs, of: number | undefined): ValueId;
}

/** One gradient per operand; undefined where none flows. Only called when some operand needs one. */
export type GradientRule = (context: GradientContext) => readonly (ValueId | undefined)[];

/** A random case for the generic suite. `domain` bounds the values of each operand. */
export interface OpSample {
  readonly types: readonly TensorType[];
  readonly attrs: Attrs;
  readonly domains?: readonly (ValueDomain | undefined)[];
}

/** Floats uniform in [low, high] (default -2..2), integers uniform in low..high inclusive. */
export interface ValueDomain {
  readonly low: number;
  readonly high: number;
}

/** Random numbers for samplers. */
export interface SampleRandom {
  /** An integer in low..high inclusive. */
  int(low: number, high: number): number;
  /** One of the given values. */
  pick<T>(values: readonly T[]): T;
  /** A number in [low, high). */
  real(low: number, high: number): number;
}

export interface OpDefinition<K extends OpKind = OpKind> extends OpTraits {
  /** One sentence for the documentation; then the formula. */
  readonly doc: string;
  readonly kind: K;
  readonly operands: readonly OperandSpec[];
  readonly attrs: Readonly<Record<string, AttrSpec>>;
  readonly precision: PrecisionClass;
  readonly result: ResultFormat;
  /** Every constraint on operands and attributes by label; `shape` throws ConstraintError with one of these labels. */
  readonly constraints: Readonly<Record<string, string>>;
  /** Shape rule; checks every constraint. Ops of kind `source` have declared types: theirs throws a plain Error. */
  readonly shape: (types: readonly TensorType[], attrs: Attrs) => readonly number[];
  readonly gradient: 'none' | GradientRule;
  /** True for ops that write states (attribute `writes`); they run after all readers of those states. */
  readonly effect?: boolean;
  /** Floating-point operations of one execution; undefined means one per result element. */
  readonly flops?: (types: readonly TensorType[], attrs: Attrs, result: TensorType) => number;
  readonly sample: 'none' | ((random: SampleRandom) => OpSample);
}

function accepts(format: OperandFormat, dtype: DType): boolean {
  if (format === 'class' || format === 'accumulator' || format === 'exact') return isFloat(dtype);
  return format === dtype;
}

/**
 * The operand specs of actual operands, in order: optional operands may be left out anywhere (`sgd` without momentum but guarded), a
 * variadic one repeats. Undefined when the operands do not fit.
 */
export function matchOperands(op: OpDefinition, types: readonly Pick<TensorType, 'dtype'>[]): readonly OperandSpec[] | undefined {
  const matched: OperandSpec[] = [];
  let next = 0;
  for (const spec of op.operands) {
    if (spec.variadic === true) {
      while (next < types.length && accepts(spec.format, types[next].dtype)) {
        matched.push(spec);
        next += 1;
      }
    } else if (next < types.length && accepts(spec.format, types[next].dtype)) {
      matched.push(spec);
      next += 1;
    } else if (spec.optional !== true) {
      return undefined;
    }
  }
  return next === types.length ? matched : undefined;
}
