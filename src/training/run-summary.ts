import type { EpochEvent, TrainEvent } from './events.js';

/**
 * `running`: a process writes to it. `complete`: it came to its last step. `lost`: it ended because its numbers were not finite any more.
 * `interrupted`: it ended before its last step, and `--resume` goes on.
 */
export const RUN_STATES = ['running', 'complete', 'interrupted', 'lost'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** How well a run did in an epoch, from 1; what was not measured, or is not finite, is null. */
export interface EpochScores {
  readonly epoch: number;
  readonly accuracy: number | null;
  readonly loss: number | null;
}

/** What a run's metrics say of it as a whole. */
export interface RunResults {
  readonly state: RunState;
  /** Test accuracy, 0 to 1, and loss as they were measured last. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  /**
   * The epoch of the highest accuracy, of the lowest loss where there is none: of the images kept for validation, else of the test images;
   * the first one of several. Its scores are those of the test images.
   */
  readonly best: EpochScores | null;
  /** Finished ones. */
  readonly epochs: number;
  /** Optimizer steps as far as the metrics know. */
  readonly steps: number;
  readonly skipped: number;
  /** Training and evaluation. */
  readonly seconds: number;
}

type Scores = Omit<EpochScores, 'epoch'>;

/** Scores of the images by which the best weights are chosen: those kept for validation, else the test images. */
function chosenBy({ validation_accuracy, validation_loss, test_accuracy, test_loss }: EpochEvent): Scores {
  if (validation_loss === undefined) return { accuracy: test_accuracy, loss: test_loss };
  return { accuracy: validation_accuracy ?? null, loss: validation_loss };
}

function isBetter(a: Scores, b: Scores): boolean {
  if (a.accuracy !== null || b.accuracy !== null) return (a.accuracy ?? -1) > (b.accuracy ?? -1);
  return (a.loss ?? Number.POSITIVE_INFINITY) < (b.loss ?? Number.POSITIVE_INFINITY);
}

function bestEpoch(epochs: readonly EpochEvent[]): EpochScores | null {
  const scored = epochs.filter(({ test_accuracy, test_loss }) => test_accuracy !== null || test_loss !== null);
  const [first, ...others] = scored;
  if (first === undefined) return null;
  const { epoch, test_accuracy, test_loss } = others.reduce(
    (best, next) => (isBetter(chosenBy(next), chosenBy(best)) ? next : best),
    first,
  );
  return { epoch, accuracy: test_accuracy, loss: test_loss };
}

/** `known`: what other files say: whether a process has the run, and where its checkpoint stands. */
export function runResults(
  events: readonly TrainEvent[],
  known: { readonly isHeld: boolean; readonly step?: number | undefined; readonly seconds?: number | undefined },
): RunResults {
  const epochs = events.filter((event) => event.event === 'epoch');
  const last = events.at(-1);
  const done = last?.event === 'done' ? last : undefined;
  const measured = epochs.findLast(({ test_accuracy, test_loss }) => test_accuracy !== null || test_loss !== null);
  const isLost = last?.event === 'warning' && last.ends_run === true;
  const state = known.isHeld ? 'running' : done !== undefined ? 'complete' : isLost ? 'lost' : 'interrupted';
  const steps = events.flatMap((event) => ('step' in event ? [event.step] : []));
  const passed = epochs.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    state,
    accuracy: done === undefined ? (measured?.test_accuracy ?? null) : done.test_accuracy,
    loss: done?.test_loss === undefined ? (measured?.test_loss ?? null) : done.test_loss,
    best: bestEpoch(epochs),
    epochs: epochs.length,
    steps: done?.steps ?? Math.max(0, known.step ?? 0, ...steps.slice(-1)),
    skipped: epochs.reduce((sum, { skipped_steps }) => sum + skipped_steps, 0),
    seconds: done?.seconds ?? Math.max(passed, known.seconds ?? 0),
  };
}
