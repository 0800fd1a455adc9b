import type { EpochEvent } from './events.js';
import { hasGrown } from './overflow/likely-cause.js';

/** Values of a file that are infinite or NaN. */
export interface BrokenState {
  /** In the run folder. */
  readonly file: string;
  readonly state: string;
  readonly nonFinite: number;
  readonly elements: number;
}

/** What went wrong, or could go better, and what to do. */
export interface Finding {
  readonly severity: 'problem' | 'advice';
  readonly message: string;
  readonly fix: string;
}

/** The numbers of a run; losses that are not finite are null. */
export interface RunNumbers {
  readonly steps: number;
  readonly epochs: readonly Pick<EpochEvent, 'train_loss'>[];
  /** The last evaluation. */
  readonly last: { readonly test_loss?: number | null; readonly test_accuracy: number | null } | undefined;
  /** Finite losses, oldest first, and what they are of. */
  readonly losses: readonly { readonly of: string; readonly loss: number }[];
  /** The last that was measured. */
  readonly accuracy: number | null;
  /** Numbers that the model gives for an image. */
  readonly classes: number;
  readonly states: readonly BrokenState[];
}

/** A model that was hardly trained may guess; this much should have taught it something. */
const TRAINED = { steps: 100, epochs: 3 } as const;
/** A model that overfits has a test loss of a few times the larger of its first and its training loss. */
const FAR = 10;

const LOWER = 'lower the learning rate, or clip the gradients';

function problem(message: string, fix: string): Finding {
  return { severity: 'problem', message, fix };
}

function ofStates({ states }: RunNumbers): Finding[] {
  return states.map(({ file, state, nonFinite, elements }) =>
    problem(
      `${file}: ${nonFinite} of the ${elements} elements of ${state} are infinite or NaN`,
      'nothing can be made of it: start again from weights that are finite, with a lower learning rate',
    ),
  );
}

function ofLosses({ epochs, last, losses }: RunNumbers): Finding[] {
  const [first, latest] = [losses[0], losses.at(-1)];
  const found: Finding[] = [];
  if (first !== undefined && latest !== undefined && hasGrown(first.loss, latest.loss)) {
    const [from, to] = [first, latest].map(({ of, loss }) => `${loss.toPrecision(4)} (${of})`);
    found.push(problem(`the loss has grown from ${from} to ${to}`, LOWER));
  }
  // Where there is neither, nothing was tested.
  if (last === undefined || last.test_loss === undefined || (last.test_loss === null && last.test_accuracy === null)) return found;
  const test = last.test_loss;
  // Of the last epoch; where none is whole, or it has no loss, that of the last step that has one.
  const train = epochs.at(-1)?.train_loss ?? latest?.loss ?? 0;
  const usual = Math.max(train, first?.loss ?? 0);
  if (test === null)
    found.push(
      problem(
        'the last test loss is not finite, so its accuracy means nothing',
        'its weights or running statistics are too large: lower the learning rate; ampc eval names the value that overflows, if ' +
          'weights were saved',
      ),
    );
  else if (usual > 0 && test > FAR * usual)
    found.push(
      problem(
        `the last test loss is ${test.toPrecision(4)}, where training has ${train.toPrecision(4)}`,
        `running statistics that are far from those of the batches do that: look at batch_norm’s momentum, and ${LOWER}`,
      ),
    );
  return found;
}

function ofAccuracy({ steps, epochs, accuracy, classes }: RunNumbers): Finding[] {
  const isTrained = steps >= TRAINED.steps || epochs.length >= TRAINED.epochs;
  if (accuracy === null || !isTrained || accuracy > 1.05 / classes) return [];
  return [
    problem(
      `after ${steps} steps the test accuracy is ${(100 * accuracy).toFixed(2)} %: no better than guessing one of ${classes}`,
      'lower the learning rate; if --precision fp32 learns with the same one, ampc verify shows which layer differs',
    ),
  ];
}

/** What is wrong with a run's numbers, whatever made them so. */
export function numberFindings(numbers: RunNumbers): Finding[] {
  return [...ofStates(numbers), ...ofLosses(numbers), ...ofAccuracy(numbers)];
}
