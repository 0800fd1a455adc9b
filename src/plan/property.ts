import type { LossScaling } from '../ir/program.js';
import type { DType } from '../ir/types.js';
import type { RuleId } from '../ir/why.js';
import type { Phase } from './facts.js';
import type { MemoryClass } from './footprint.js';
import type { FunctionName } from './plan.js';

export type OneOrMore<T> = T | readonly T[];

/** Which nodes of a function are meant; what is left out matches everything. Casts and declarations are never meant. */
export interface Selection {
  /** Default `train_step`. */
  readonly function?: FunctionName;
  readonly op?: OneOrMore<string>;
  /** A layer, a block or a glob, as after `keep`. */
  readonly layer?: OneOrMore<string>;
  readonly phase?: Phase;
}

export interface Bounds {
  readonly at_least?: number;
  readonly at_most?: number;
  readonly exactly?: number;
}

/** Every selected node gives, reads and is decided as said; a selection that matches nothing does not hold. */
export interface FormatProperty extends Selection {
  /** Format of the float results. */
  readonly is?: DType;
  /** Float formats of the operands in order; one format stands for all of them. */
  readonly reads?: OneOrMore<DType>;
  readonly rule?: RuleId;
}

export interface CastsProperty extends Selection, Bounds {
  /** What is cast: `conv1.weight`, `linear of fc2`, `gradient of fc1.weight`; `*` stands for any text. */
  readonly of?: string;
  readonly to?: DType;
}

/** No cast lies on any path of values from one layer to another. */
export interface NoCastProperty {
  readonly from: string;
  readonly to: string;
  /** Default `forward`; in `backward`, gradients flow from later layers to earlier ones. */
  readonly phase?: 'forward' | 'backward';
  readonly function?: FunctionName;
}

export interface MemoryProperty {
  /** Default `total`. */
  readonly of?: MemoryClass | 'total';
  /** Bytes, `40 MB`, `40 MiB`, or `60 % of fp32`. */
  readonly at_most: number | string;
}

export interface ScalingProperty {
  readonly kind?: LossScaling['kind'];
  readonly init?: number;
  readonly growth?: number;
  readonly backoff?: number;
  readonly interval?: number;
  readonly floor?: number;
  readonly cap?: number;
}

export interface CountProperty extends Selection, Bounds {}

/** Trainable numbers, of the whole model or of some layers. */
export interface ParametersProperty extends Bounds {
  readonly layer?: OneOrMore<string>;
}

/** One fact about a plan; exactly one key. */
export interface PlanProperty {
  readonly format?: FormatProperty;
  readonly casts?: CastsProperty;
  readonly no_cast?: NoCastProperty;
  readonly memory?: MemoryProperty;
  readonly scaling?: ScalingProperty;
  readonly count?: CountProperty;
  readonly parameters?: ParametersProperty;
}
