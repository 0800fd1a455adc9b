import type { EarlyStopSpec } from '../ir/early-stop.js';
import type { BestEpoch, RunPosition, Scores } from './checkpoint-metadata.js';
import { withEpoch } from './early-stop.js';
import type { EpochEvent } from './events.js';
import { Speed } from './speed.js';
import type { StepResult } from './step-result.js';
import { addToHistory, addToTally, EMPTY_TALLY, type LossHistory, type TallyState } from './tally.js';

/** What a checkpoint says of a run's progress; the rest of its position is the plan's. */
export type ProgressState = Omit<RunPosition, 'course' | 'groupCourses' | 'rate' | 'watch' | 'pins' | 'phase'>;

/** How far a run is, what it has come to so far, and its clocks. */
export class Progress {
  /** Optimizer steps taken, skipped ones too. */
  step: number;
  /** Epochs finished, evaluation included. */
  epoch: number;
  stepInEpoch: number;
  tally: TallyState;
  skipsInARow: number;
  losses: LossHistory;
  /** The loss scale of the last step that was fetched. */
  scale = 1;
  last: Scores | undefined;
  best: Scores | undefined;
  bestEpoch: BestEpoch | undefined;
  readonly speed = new Speed();
  private readonly secondsBefore: number;
  private epochSecondsBefore: number;
  private readonly startedAt = performance.now();
  private epochStartedAt = performance.now();

  constructor(position: RunPosition) {
    ({ step: this.step, epoch: this.epoch, stepInEpoch: this.stepInEpoch, tally: this.tally } = position);
    this.bestEpoch = position.bestEpoch;
    ({ skipsInARow: this.skipsInARow, last: this.last, best: this.best, losses: this.losses = {} } = position);
    this.secondsBefore = position.seconds;
    this.epochSecondsBefore = position.epochSeconds;
  }

  /** Whether the last thing done was to finish an epoch, its evaluation included. */
  get isBetweenEpochs(): boolean {
    return this.epoch > 0 && this.stepInEpoch === 0;
  }

  /** Of the whole run, in all processes that it took. */
  get seconds(): number {
    return this.secondsBefore + (performance.now() - this.startedAt) / 1000;
  }

  get epochSeconds(): number {
    return this.epochSecondsBefore + (performance.now() - this.epochStartedAt) / 1000;
  }

  get state(): ProgressState {
    const { step, epoch, stepInEpoch, tally, losses, skipsInARow, seconds, epochSeconds, last, best, bestEpoch } = this;
    const known = { step, epoch, stepInEpoch, tally, losses, skipsInARow, seconds, epochSeconds, last, best };
    return bestEpoch === undefined ? known : { ...known, bestEpoch };
  }

  /** Goes on by steps that were issued; negative: steps that are taken back, with their images. */
  advance(steps: number, images: number): void {
    this.step += steps;
    this.stepInEpoch += steps;
    this.speed.addImages(images);
  }

  /** Takes in what a step came to. */
  take(result: StepResult): void {
    this.tally = addToTally(this.tally, result);
    this.losses = addToHistory(this.losses, result);
    this.skipsInARow = result.skipped ? this.skipsInARow + 1 : 0;
    this.scale = result.scale;
  }

  /** Takes in what an epoch came to, and gives its line. */
  watched(event: EpochEvent, spec: EarlyStopSpec | undefined): EpochEvent {
    if (spec !== undefined) this.bestEpoch = withEpoch(this.bestEpoch, event, spec);
    return event;
  }

  /** Begins the next epoch. Of a part of one the tally is kept, for a run that goes on in it. */
  endEpoch(isWhole: boolean): void {
    this.epoch += 1;
    this.stepInEpoch = 0;
    if (isWhole) this.tally = EMPTY_TALLY;
    this.speed.endEpoch();
    this.epochSecondsBefore = 0;
    this.epochStartedAt = performance.now();
  }
}
