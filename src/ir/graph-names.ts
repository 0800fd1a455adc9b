/** What a model takes of each image besides its pixels: so many numbers in a shape, in f32 as the data set has them. */
export interface FurtherInput {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The graph input that has it. */
export function furtherInput(name: string): string {
  return `input.${name}`;
}

/** Whose graph input it is, if it is one. */
export function furtherName(input: string): string | undefined {
  return input.startsWith('input.') ? input.slice('input.'.length) : undefined;
}

const AVERAGE = '.average';

/** The state that is the average of another over the steps. */
export function averageOf(state: string): string {
  return `${state}${AVERAGE}`;
}

/** The state that an average is of; undefined where the name is none of an average. */
export function averagedIn(name: string): string | undefined {
  return name.endsWith(AVERAGE) ? name.slice(0, -AVERAGE.length) : undefined;
}

/** The state that counts the averages taken so far. */
export const AVERAGE_COUNT = 'average.count';

/** The input of a step that says how much of what the step leaves enters the averages. */
export const AVERAGE_SHARE = 'average';

/** The output of a forward graph with the value that a loss is of. */
export function auxOutput(of: string): string {
  return `aux_${of}`;
}

/** The output of `eval_step` with what is of each image alone, where it averages views: `plain_loss`. */
export function plainOutput(name: string): string {
  return `plain_${name}`;
}

const LOSS_OUTPUT = 'loss_';

/** The output of a step with one part of its loss, where that is of several. */
export function lossOutput(part: string): string {
  return `${LOSS_OUTPUT}${part}`;
}

/** The part of the loss that an output is; undefined where it is none. */
export function lossPart(output: string): string | undefined {
  return output.startsWith(LOSS_OUTPUT) ? output.slice(LOSS_OUTPUT.length) : undefined;
}
