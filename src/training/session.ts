import { join } from 'node:path';
import { userError } from '../diagnostics/diagnostic.js';
import { type RunPosition, type RunSettings, type Scores, saveCheckpoint } from './checkpoint.js';
import { breathe, evaluate } from './evaluate.js';
import type { TrainEvent } from './events.js';
import type { TrainOptions } from './options.js';
import { type MetricsLog, RUN_FILES } from './run-folder.js';
import type { StateValues } from './states.js';
import type { Stepper, StepResult } from './stepper.js';
import { addToTally, EMPTY_TALLY, meanLoss, type TallyState } from './tally.js';
import { saveWeights } from './weights.js';

/** Longest time between two looks at the device's results, for the progress display. */
const REPORT_MS = 500;

export const START: RunPosition = {
  step: 0,
  epoch: 0,
  stepInEpoch: 0,
  tally: EMPTY_TALLY,
  skipsInARow: 0,
  last: undefined,
  best: undefined,
  seconds: 0,
  epochSeconds: 0,
};

export interface SessionPlan {
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly maxSteps: number;
  readonly logEvery: number;
  /** Skipped steps in a row that end the run; infinite without loss scaling. */
  readonly abortAfter: number;
  readonly rate: (step: number) => number;
  readonly settings: RunSettings;
}

/** `end`: of the epoch's batches; `stop`: the step limit; `interrupt`: the caller's signal. */
export type EpochOutcome = 'end' | 'stop' | 'interrupt';

/** A run in progress: the position in it and everything that moves the position. */
export class Session {
  private step: number;
  epoch: number;
  private stepInEpoch: number;
  private tally: TallyState;
  private skipsInARow: number;
  last: Scores | undefined;
  best: Scores | undefined;
  private readonly secondsBefore: number;
  private epochSecondsBefore: number;
  private readonly startedAt = performance.now();
  private epochStartedAt = performance.now();
  private reportedAt = performance.now();
  private savedAt = performance.now();
  /** Images and milliseconds of training alone in this epoch and process. */
  private trained = { images: 0, ms: 0 };
  private testMs = 0;
  private warned = false;
  private scale = 1;

  constructor(
    private readonly options: TrainOptions,
    private readonly plan: SessionPlan,
    private readonly stepper: Stepper,
    private readonly metrics: MetricsLog,
    position: RunPosition,
  ) {
    ({ step: this.step, epoch: this.epoch, stepInEpoch: this.stepInEpoch, tally: this.tally } = position);
    ({ skipsInARow: this.skipsInARow, last: this.last, best: this.best } = position);
    this.secondsBefore = position.seconds;
    this.epochSecondsBefore = position.epochSeconds;
  }

  get steps(): number {
    return this.step;
  }

  /** Whether the last thing done was to finish an epoch, its evaluation included. */
  get isBetweenEpochs(): boolean {
    return this.epoch > 0 && this.stepInEpoch === 0;
  }

  get seconds(): number {
    return this.secondsBefore + (performance.now() - this.startedAt) / 1000;
  }

  private get epochSeconds(): number {
    return this.epochSecondsBefore + (performance.now() - this.epochStartedAt) / 1000;
  }

  async emit(event: TrainEvent): Promise<void> {
    await this.metrics.append(event);
    this.options.onEvent?.(event);
  }

  /** Trains until the epoch's batches are done, or the run is told to stop. */
  async trainEpoch(): Promise<EpochOutcome> {
    const { signal, checkpointSteps, checkpointSeconds = 30 } = this.options;
    let outcome: EpochOutcome = 'end';
    let since = performance.now();
    const clock = (): void => {
      this.trained.ms += performance.now() - since;
      since = performance.now();
    };
    while (this.stepInEpoch < this.plan.stepsPerEpoch) {
      if (signal?.aborted) outcome = 'interrupt';
      else if (this.step >= this.plan.maxSteps) outcome = 'stop';
      if (outcome !== 'end') break;
      const steps = await this.stepper.enqueue(this.step, this.stepsUntilDue());
      this.step += steps;
      this.stepInEpoch += steps;
      this.trained.images += steps * this.stepper.imagesPerStep;
      await breathe();
      if (this.isLogged(this.step) || performance.now() - this.reportedAt >= REPORT_MS) {
        clock();
        await this.report();
      }
      const due =
        checkpointSteps === undefined ? performance.now() - this.savedAt >= checkpointSeconds * 1000 : this.step % checkpointSteps === 0;
      if (due && this.stepInEpoch < this.plan.stepsPerEpoch) {
        await this.report();
        clock();
        await this.checkpoint();
        since = performance.now();
      }
    }
    await this.report();
    clock();
    return outcome;
  }

  /** Steps from the present one to the next after which something else may have to be done: a log line, a checkpoint, the end. */
  private stepsUntilDue(): number {
    const { stepsPerEpoch, maxSteps, logEvery } = this.plan;
    const { checkpointSteps = Number.POSITIVE_INFINITY } = this.options;
    const untilMultiple = (of: number): number => (Number.isFinite(of) ? of - (this.step % of) : of);
    const first = this.step === 0 ? 1 : Number.POSITIVE_INFINITY;
    return Math.min(first, stepsPerEpoch - this.stepInEpoch, maxSteps - this.step, untilMultiple(logEvery), untilMultiple(checkpointSteps));
  }

  private isLogged(step: number): boolean {
    return step === 1 || step % this.plan.logEvery === 0;
  }

  /** Fetches and reports what the device has done since the last time. */
  private async report(): Promise<void> {
    for (const result of await this.stepper.drain()) await this.take(result);
    this.reportedAt = performance.now();
    this.progress('train', this.stepInEpoch, this.plan.stepsPerEpoch);
  }

  private async take(result: StepResult): Promise<void> {
    this.tally = addToTally(this.tally, result);
    this.skipsInARow = result.skipped ? this.skipsInARow + 1 : 0;
    this.scale = result.scale;
    const step = result.step + 1;
    if (this.isLogged(step)) {
      const { loss, scale, skipped } = result;
      const epoch = Math.floor(result.step / this.plan.stepsPerEpoch) + 1;
      await this.emit({ event: 'step', step, epoch, loss, lr: Math.fround(this.plan.rate(result.step)), loss_scale: scale, skipped });
    }
    if (!Number.isFinite(result.loss) && this.plan.abortAfter === Number.POSITIVE_INFINITY) await this.warnNonFinite(step, result.loss);
    if (this.skipsInARow >= this.plan.abortAfter) await this.abort(result);
  }

  private async warnNonFinite(step: number, loss: number): Promise<void> {
    if (this.warned) return;
    this.warned = true;
    const why = 'without loss scaling every update is applied, so the parameters are probably not finite any more';
    const fix = 'lower the learning rate, clip the gradients, or keep the layer that overflows in fp32';
    await this.emit({ event: 'warning', step, code: 'AMP7302', message: `the loss of step ${step} is ${loss}`, why, fix });
  }

  /** The states are those before the first of the skipped steps, but for the loss scale: the step fails again in the same way. */
  private async abort(result: StepResult): Promise<never> {
    const found = await this.stepper.trace(result.step);
    const where =
      found === undefined
        ? 'run again, the last of them overflowed nowhere'
        : `the first value of step ${result.step + 1} that is not finite: ${
            this.options.describeNode?.(found.function, found.node) ?? `%${found.node} of ${found.function}`
          }`;
    throw userError(
      'AMP7301',
      `${this.skipsInARow} steps in a row were skipped because gradients were not finite; the loss scale is ${result.scale}`,
      where,
      'keep that layer in fp32, lower the learning rate, or check the data; the last checkpoint is unchanged',
    );
  }

  private progress(phase: 'train' | 'test', done: number, total: number): void {
    const { images, ms } = this.trained;
    const { epochs, stepsPerEpoch, totalSteps, maxSteps } = this.plan;
    const perStep = images === 0 ? undefined : (ms / images) * this.stepper.imagesPerStep;
    const stepsLeft = Math.max(0, Math.min(totalSteps, maxSteps) - this.step);
    this.options.onProgress?.({
      phase,
      epoch: Math.min(epochs, this.epoch + 1),
      epochs,
      done,
      total,
      step: this.step,
      loss: meanLoss(this.tally),
      accuracy: this.tally.correct / this.tally.images,
      lossScale: this.scale,
      skipped: this.tally.skipped,
      imagesPerSecond: ms === 0 ? 0 : (images / ms) * 1000,
      secondsLeft: perStep === undefined ? undefined : (stepsLeft * perStep + Math.ceil(stepsLeft / stepsPerEpoch) * this.testMs) / 1000,
    });
  }

  /** Scores on the test set, or undefined when interrupted or switched off. */
  async test(): Promise<Scores | undefined> {
    const { executable, dataset, signal } = this.options;
    if (this.options.evaluate === false) return undefined;
    const started = performance.now();
    const onProgress = (done: number, total: number): void => this.progress('test', done, total);
    const result = await evaluate(executable, this.options.plan, dataset.test, { signal, onProgress });
    this.testMs = performance.now() - started;
    return result === undefined ? undefined : { accuracy: result.accuracy, loss: result.loss };
  }

  /** Writes down a finished epoch: weights, metrics line, then the checkpoint, so that a crash in between repeats the epoch's end. */
  async finishEpoch(scores: Scores | undefined): Promise<void> {
    const epoch = this.epoch + 1;
    const states = await this.options.executable.readStates();
    await this.saveLast(states, scores);
    this.last = scores;
    await this.emit({
      event: 'epoch',
      epoch,
      train_loss: meanLoss(this.tally),
      test_loss: scores?.loss ?? null,
      test_accuracy: scores?.accuracy ?? null,
      images_per_second: this.trained.ms === 0 ? 0 : (this.trained.images / this.trained.ms) * 1000,
      skipped_steps: this.tally.skipped,
      seconds: this.epochSeconds,
    });
    this.epoch = epoch;
    this.stepInEpoch = 0;
    this.tally = EMPTY_TALLY;
    this.trained = { images: 0, ms: 0 };
    this.epochSecondsBefore = 0;
    this.epochStartedAt = performance.now();
    await this.checkpoint(states);
  }

  /** last.safetensors, and best.safetensors when there is none or `scores` beat all before (first come, first kept). */
  async saveLast(states: StateValues, scores: Scores | undefined): Promise<void> {
    const { run, plan } = this.options;
    await saveWeights(join(run, RUN_FILES.last), plan, states);
    if (this.best !== undefined && (scores === undefined || scores.accuracy <= this.best.accuracy)) return;
    await saveWeights(join(run, RUN_FILES.best), plan, states);
    this.best = scores;
  }

  /** All reported steps must have been drained. */
  async checkpoint(states?: StateValues): Promise<void> {
    const values = states ?? (await this.options.executable.readStates());
    const { step, epoch, stepInEpoch, tally, skipsInARow, last, best, seconds, epochSeconds } = this;
    const position: RunPosition = { step, epoch, stepInEpoch, tally, skipsInARow, last, best, seconds, epochSeconds };
    await saveCheckpoint(join(this.options.run, RUN_FILES.checkpoint), this.options.plan, this.plan.settings, position, values);
    this.savedAt = performance.now();
  }
}
