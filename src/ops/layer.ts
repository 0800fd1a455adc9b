import type { GraphBuilder } from '../ir/builder.js';
import type { OpName } from '../ir/op-names.js';
import type { RankShare } from '../ir/ranks.js';
import type { Attrs, Loc, TensorType, ValueId } from '../ir/types.js';
import type { Initializer, StateInit } from './state-init.js';

/**
 * Types of arguments in the language. `pair` accepts one number or `[a, b]`; `padding` also the words `same` and `valid`; `axes` and
 * `sections` one number or a list; `word` one of the parameter's words.
 */
export type ArgKind = 'int' | 'number' | 'boolean' | 'pair' | 'padding' | 'value' | 'shape' | 'axes' | 'sections' | 'word' | 'init';

/** One number, a pair (rows, columns), a word, or how a weight starts. */
export type ArgValue = number | boolean | string | readonly number[] | Initializer;

export interface LayerParam {
  readonly name: string;
  readonly kind: ArgKind;
  readonly doc: string;
  /** Left out: the argument is required. */
  readonly default?: ArgValue;
  /** Of kind `word`: those that it may be. */
  readonly words?: readonly string[];
  /** Inclusive bounds on numbers. */
  readonly min?: number;
  readonly max?: number;
  /** Exclusive bound. */
  readonly above?: number;
}

/** What a layer's builder sees. */
export interface LayerContext {
  readonly builder: GraphBuilder;
  readonly mode: 'train' | 'eval';
  /** The piped-in value. */
  readonly input: ValueId;
  /** Arguments of kind `value`, in the order written (the second operand of `add`, the others of `concat`). */
  readonly values: readonly ValueId[];
  /** All other arguments by parameter name, defaults filled in. */
  readonly args: Readonly<Record<string, ArgValue>>;
  readonly path: string;
  readonly loc: Loc;
  /** Of the recipe, and one of the layer's own: together they key its random numbers. */
  readonly seed: number;
  readonly salt: number;
  /** Of several ranks that train together: what this one has of the batch. */
  readonly share?: RankShare | undefined;
  /** Emits an op of this layer. Constraint errors become diagnostics at the call. */
  emit(op: OpName, inputs: readonly ValueId[], attrs?: Attrs): ValueId;
  /** A layer of its own within this one, under that name: what it emits and declares is at `<path>.<name>`. */
  part(name: string): LayerContext;
  /** Declares a trainable parameter `<path>.<name>`, f32. Among the arguments, `init` overrules that of a `weight`, and
   * `shift_init` that of a `bias`. */
  parameter(name: string, shape: readonly number[], init: StateInit): ValueId;
  /** Declares a running statistic `<path>.<name>`, f32. */
  statistic(name: string, shape: readonly number[], init: StateInit): ValueId;
  /** The graph's `step` input (i32[]), declared on first use. */
  step(): ValueId;
  type(id: ValueId): TensorType;
}

export interface LayerDoubt {
  readonly message: string;
  readonly why: string;
  readonly fix: string;
}

/** A layer of the language: what a user calls in a model. */
export interface LayerDefinition {
  readonly doc: string;
  /** Positional order. */
  readonly params: readonly LayerParam[];
  /**
   * Extra graph values beyond the piped one: how many, e.g. 1 for `add(s)`. They are its positional arguments; `params` then go by name.
   */
  readonly values?: { readonly min: number; readonly max: number };
  /** Joins two values, and more by joining what it has with the next one. */
  readonly folds?: boolean;
  /** Joins the piped value with a number, which may stand where another value may. The order of both makes no difference. */
  readonly withNumber?: (context: LayerContext, number: number) => ValueId;
  /** What is allowed and hardly meant, of a value of that shape, the batch included, and these arguments: what a warning says. */
  readonly doubt?: (shape: readonly number[], args: Readonly<Record<string, ArgValue>>) => LayerDoubt | undefined;
  /** An `.amp` line for the documentation. */
  readonly example: string;
  /** A list: the layer has several results. */
  readonly build: (context: LayerContext) => ValueId | readonly ValueId[];
}
