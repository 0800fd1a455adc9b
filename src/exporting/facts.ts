/** What is told of an exported model, in the form that its format has for that. */
export interface ModelFacts {
  readonly model: string;
  /** Version of ampc. */
  readonly version: string;
  /** Name of the run's folder; undefined for weights of no run. */
  readonly run?: string | undefined;
  /** Names by label; none where the model results in an image. */
  readonly classes: readonly string[];
  /** On the test images, 0 to 1; undefined where it was not measured. */
  readonly accuracy?: number | undefined;
  /** Of how many test images that is at most, where the run was limited to so many. */
  readonly testedAtMost?: number | undefined;
  /** SHA-256 of the `.amp` file, in hex. */
  readonly source: string;
  readonly precision: string;
  readonly policy: string;
  /** How probabilities of the classes come from the logits: they are such already, softmax, or sigmoid. */
  readonly probabilities: 'none' | 'distribution' | 'independent';
}

export const PROBABILITY_FUNCTIONS = { none: 'identity', distribution: 'softmax', independent: 'sigmoid' } as const;

/** Words behind `test accuracy`, where not all images were tested. */
export function testedOn({ testedAtMost }: ModelFacts): string {
  return testedAtMost === undefined ? '' : ` on at most ${testedAtMost} images`;
}

/** A block of the language, from its first line to its last. */
export interface SourceBlock {
  readonly name: string;
  readonly first: number;
  readonly last: number;
}
