import type { Pin } from '../ir/pin.js';
import type { LossScaling, Recipe } from '../ir/program.js';
import { isCast } from '../ir/structure.js';
import type { ComputeType, Graph, Loc, Node } from '../ir/types.js';
import { isRepeat, isView } from '../ops/index.js';
import { findPin } from '../precision/pins.js';

/** What a warning is about; the caller finds the place in the source. */
export type LintPlace =
  | { readonly kind: 'setting'; readonly section: 'precision' | 'train'; readonly name: string }
  | { readonly kind: 'pin'; readonly pin: Pin }
  | { readonly kind: 'layer'; readonly loc: Loc };

export interface LintFinding {
  readonly message: string;
  readonly why: string;
  readonly fix: string;
  readonly place: LintPlace | undefined;
}

export interface LintInput {
  readonly recipe: Recipe;
  /** What `recipe.precision` comes to. */
  readonly scaling: LossScaling;
  /** The forward pass as trained, before precision is assigned. */
  readonly forward: Graph;
  /** The same with its formats and casts; undefined where none is of short range. */
  readonly assigned: Graph | undefined;
  /** Optimizer steps of the whole run; undefined when the size of the data set is not known. */
  readonly steps: number | undefined;
}

/** One thing that is known to go wrong. `title` and `meaning` are what docs/precision.md says of it. */
export interface LintRule {
  readonly title: string;
  readonly meaning: string;
  readonly check: (input: LintInput) => readonly LintFinding[];
}

/** What a value is made of before casts, other views and copies of it. */
export function sourceOf(graph: Graph, node: Node): Node {
  let source = node;
  while (isCast(source) || isView(source) || isRepeat(source)) source = graph.nodes[source.inputs[0]!]!;
  return source;
}

export function formatNumber(value: number): string {
  return value.toLocaleString('en-US', Number.isInteger(value) ? {} : { maximumSignificantDigits: 4 });
}

/** The format that a forward node would be computed in, as far as pins and the compute format tell. */
export function computesIn(node: Node, { precision }: Recipe): ComputeType {
  return findPin(node, precision.pins)?.dtype ?? precision.compute;
}

/** Where the loss scale is written. */
export const LOSS_SCALE_SETTING: LintPlace = { kind: 'setting', section: 'precision', name: 'loss_scale' };

/** Where the average of the weights is written. */
export const AVERAGE_SETTING: LintPlace = { kind: 'setting', section: 'train', name: 'average' };

/** Where the optimizer is written. */
export const OPTIMIZER_SETTING: LintPlace = { kind: 'setting', section: 'train', name: 'optimizer' };
