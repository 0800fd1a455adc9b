import type { OpName } from '../ir/op-names.js';

/** What a result says of the classes: one probability for each that add up to 1, their logarithms, or one for each that stands alone. */
export type Probabilities = 'distribution' | 'logarithms' | 'independent';

/**
 * How a contraction's kernel can make an operand as it brings it in. `placed_in_windows`: each number of operand 0 at the place in its
 * window that operand 1 names, among zeros.
 */
export type StagedForm = 'placed_in_windows';

/** Facts about an op that passes and code generators go by. What is left out does not hold. */
export interface OpTraits {
  /** Of an op of the backward pass: the forward op that it belongs to, and the operand whose gradient its result is. */
  readonly gradientOf?: { readonly op: OpName; readonly operand: string };

  /**
   * Of a contraction: hands each sum over once it is complete, so that elementwise ops can follow in registers (`elements`), also behind
   * the largest of each 2x2 window (`windows`).
   */
  readonly epilogue?: 'elements' | 'windows';
  /** Of a pool: over 2x2 windows side by side it can run in an epilogue that takes windows. */
  readonly poolsEpilogue?: boolean;
  /** Another result of the loop that computes that op on the same operand with the same window: it is computed where that is. */
  readonly computedWith?: OpName;
  /** Its later operands, or its attributes, are vectors over the last axis. */
  readonly perChannel?: boolean;
  /** Of a copy: its result repeats the operand along axes, so a reader of elements finds each in the operand as well. */
  readonly repeats?: boolean;
  /** Of a copy: its operands one after the other along the attribute `axis`. */
  readonly joins?: boolean;
  /** Of a copy: a part of its operand, in which a reader of elements finds each as well. */
  readonly takesPart?: boolean;
  /** Its result is an element of operand 0, or the place of one in its window: nothing is to be rounded. */
  readonly selects?: boolean;
  /** Zeroes elements by chance, which nothing but their places and operand 1, the number of the step, decides. */
  readonly dropsElements?: boolean;
  /** Its result is finite whatever the weights are: times a zero it is zero. */
  readonly alwaysFinite?: boolean;
  /** Products of matrices, one for each element of the axes before the last two. */
  readonly matrixProduct?: boolean;
  /** Of a contraction: the operand that a kernel may make itself as it brings it in, where the backend can (`PlanTarget.staged`). */
  readonly stagedOperand?: number;
  /** How a contraction's kernel can make its result, over 2x2 windows side by side. */
  readonly stagedAs?: StagedForm;

  /** Adds up its operand as it is. */
  readonly plainSum?: boolean;
  /** Where its windows tile, puts each number of operand 0 once among zeros: a sum over positions is the same before and behind it. */
  readonly placesAmongZeros?: boolean;

  /** Works on parameter gradients between the backward pass and the optimizer. */
  readonly conditionsGradients?: boolean;
  /** Exists for loss scaling alone. */
  readonly lossScaling?: boolean;
  /** What it writes is read by others of the same step as it was before: among what writes states it runs last. */
  readonly runsLast?: boolean;

  /** Brings values to mean 0 and variance 1, then scales and shifts each channel by its parameters. */
  readonly normalizes?: boolean;
  /**
   * Takes 1 / sqrt(variance + eps), `eps` an attribute: of each channel over the batch, or of each row, which is a position or an image's
   * group of channels.
   */
  readonly invertsVariance?: 'channels' | 'positions';
  /** Moves a running statistic towards that of the batch, by the attributes `momentum` and `correction`. */
  readonly movesStatistic?: boolean;
  /** Tells how the values of a channel differ: of one value it tells nothing. */
  readonly spread?: boolean;
  /** Takes the mean of its operand over rows. */
  readonly plainMean?: boolean;
  /** Of a sum over rows: adds up squared deviations of operand 0 from its mean, which is this operand, so that one pass can find both. */
  readonly aboutMean?: number;
  /**
   * Of a row-wise op that leaves one number: the sum of what the rows leave, divided by how many rows or elements there are, or a count as
   * it is, in i32.
   */
  readonly leavesTotal?: 'over_rows' | 'over_elements' | 'count';
  /** Of a loss: the probabilities of the classes that it takes of logits. */
  readonly takesProbabilities?: 'distribution' | 'independent';
  /** What its result says of the classes. */
  readonly probabilities?: Probabilities;
}
