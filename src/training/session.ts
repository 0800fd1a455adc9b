import { join } from 'node:path';
import type { FoundPin } from '../ir/pin.js';
import type { LostLossPolicy } from '../ir/program.js';
import { printPlan } from '../plan/print.js';
import type { Executable } from '../runtime/backend.js';
import { saveCheckpoint } from './checkpoint.js';
import type { RunPosition, RunSettings, Scores } from './checkpoint-metadata.js';
import { breathe, evaluate } from './evaluate.js';
import type { TrainEvent } from './events.js';
import type { TrainOptions } from './options.js';
import { isLost, type Loss, lostLoss, lostRun } from './overflow/lost-loss.js';
import { SkipReporter, type Takeover } from './overflow/skips.js';
import { type Running, Watch } from './overflow/watch.js';
import { type MetricsLog, RUN_FILES, recordReplan, saved, updateRun } from './run-folder.js';
import { epochOf, type SessionPlan } from './session-plan.js';
import { Speed } from './speed.js';
import { brokenState, type StateValues } from './states.js';
import type { Stepper, StepResult } from './stepper.js';
import { storePin } from './stored-pins.js';
import { addToHistory, addToTally, EMPTY_TALLY, type LossHistory, meanLoss, type TallyState } from './tally.js';
import { saveWeights } from './weights.js';

/** Whether a lost loss ends the run. */
const ENDS: Readonly<Record<LostLossPolicy, boolean>> = { stop: true, continue: false };

/** Longest time between two looks at the device's results, for the progress display. */
const REPORT_MS = 500;

/** `end`: of the epoch's batches; `stop`: the step limit; `interrupt`: the caller's signal. */
export type EpochOutcome = 'end' | 'stop' | 'interrupt';

/** A run in progress: the position in it and everything that moves the position. */
export class Session {
  private step: number;
  epoch: number;
  private stepInEpoch: number;
  private tally: TallyState;
  private skipsInARow: number;
  private losses: LossHistory;
  last: Scores | undefined;
  best: Scores | undefined;
  private readonly secondsBefore: number;
  private epochSecondsBefore: number;
  private readonly startedAt = performance.now();
  private epochStartedAt = performance.now();
  private reportedAt = performance.now();
  private savedAt = performance.now();
  /** The step of the run's checkpoint. */
  private savedStep: number;
  private readonly speed = new Speed();
  private warned = false;
  private scale = 1;
  private readonly watch: Watch;
  private readonly skips: SkipReporter;
  private running: Running;
  private settings: RunSettings;
  private pins: readonly FoundPin[];

  constructor(
    private readonly options: TrainOptions,
    private readonly plan: SessionPlan,
    stepper: Stepper,
    private readonly metrics: MetricsLog,
    position: RunPosition,
    states: StateValues,
  ) {
    this.running = { plan: options.plan, executable: options.executable, stepper };
    this.settings = plan.settings(options.plan, options.recipe);
    this.pins = options.pins ?? [];
    this.watch = new Watch(position, states, options.load, this.isGuarded ? undefined : options.plan);
    this.skips = new SkipReporter(options, plan, this.watch, (event) => this.emit(event));
    ({ step: this.step, epoch: this.epoch, stepInEpoch: this.stepInEpoch, tally: this.tally } = position);
    ({ skipsInARow: this.skipsInARow, last: this.last, best: this.best, losses: this.losses = {} } = position);
    this.savedStep = position.step;
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

  /** On which the run goes on. */
  get executable(): Executable {
    return this.running.executable;
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
    for (;;) {
      const outcome = await this.trainSteps();
      // A new plan takes over where it was needed, which may have been some steps ago.
      const isDone = this.stepInEpoch >= this.plan.stepsPerEpoch || (outcome === 'stop' && this.step >= this.plan.maxSteps);
      if (isDone || outcome === 'interrupt') return outcome;
    }
  }

  private async trainSteps(): Promise<EpochOutcome> {
    const { signal, checkpointSteps, checkpointSeconds = 30 } = this.options;
    let outcome: EpochOutcome = 'end';
    let since = performance.now();
    const clock = (): void => {
      this.speed.addTime(performance.now() - since);
      since = performance.now();
    };
    while (this.stepInEpoch < this.plan.stepsPerEpoch) {
      if (signal?.aborted) outcome = 'interrupt';
      else if (this.step >= this.plan.maxSteps) outcome = 'stop';
      if (outcome !== 'end') break;
      const { stepper } = this.running;
      const issued = stepper.enqueue(this.step, this.stepsUntilDue());
      // While the device is busy with that.
      stepper.expect(this.step, this.plan.maxSteps - this.step);
      const steps = await issued;
      this.speed.addImages(stepper.imagesOf(this.step, steps));
      this.step += steps;
      this.stepInEpoch += steps;
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

  /** Whether a step that overflows is skipped. */
  private get isGuarded(): boolean {
    return this.plan.abortAfter !== Number.POSITIVE_INFINITY;
  }

  private isLogged(step: number): boolean {
    return step === 1 || step % this.plan.logEvery === 0;
  }

  /** Fetches and reports what the device has done since the last time. */
  private async report(): Promise<void> {
    const { executable, stepper } = this.running;
    const results = await stepper.drain();
    for (const [index, result] of results.entries()) {
      await this.take(result);
      if (!result.skipped) continue;
      const started = performance.now();
      const later = results.slice(index + 1);
      const context = { inARow: this.skipsInARow, ofEpoch: this.tally.skipped, losses: this.losses };
      const takeover = await this.skips.lookInto(this.running, result, later, context);
      if (takeover !== undefined) await this.replan(result, later, takeover);
      // The next reading of the clock takes it for training.
      this.speed.addTime(started - performance.now());
      if (takeover !== undefined) break;
    }
    if ((this.isGuarded || !this.warned) && this.running.executable === executable) await this.watch.refresh(this.step, executable);
    this.reportedAt = performance.now();
    this.progress('train', this.stepInEpoch, this.plan.stepsPerEpoch);
  }

  private async take(result: StepResult): Promise<void> {
    this.tally = addToTally(this.tally, result);
    this.losses = addToHistory(this.losses, result);
    this.skipsInARow = result.skipped ? this.skipsInARow + 1 : 0;
    this.scale = result.scale;
    const step = result.step + 1;
    if (this.isLogged(step)) {
      const { loss, scale, skipped } = result;
      const lr = Math.fround(this.plan.rate(result.step));
      await this.emit({ event: 'step', step, epoch: epochOf(this.plan, result.step), loss, lr, loss_scale: scale, skipped });
    }
    if (isLost(result)) await this.lose(result);
  }

  /** Goes on behind a skipped step with a plan that has these pins as well. */
  private async replan(result: StepResult, later: readonly StepResult[], { value, pins }: Takeover): Promise<void> {
    const { run, replanner } = this.options;
    const { plan: before, stepper } = this.running;
    const states = await this.watch.statesAfter(this.running, result.step, later);
    const { plan, executable, recipe, contents, diff, pins: all } = await replanner!.adopt(pins);
    await executable.writeStates(states);
    this.running = { plan, executable, stepper: stepper.on(executable, plan) };
    this.settings = this.plan.settings(plan, recipe);
    this.pins = all;
    this.step -= later.length;
    this.stepInEpoch -= later.length;
    this.speed.addImages(-stepper.imagesOf(this.step, later.length));
    this.skipsInARow = 0;
    const [step, epoch, replan] = [result.step + 1, epochOf(this.plan, result.step), this.watch.countReplan()];
    const added = pins.map(storePin);
    await recordReplan(run, replan, printPlan(before), { step, epoch, value, pins: added, diff });
    await this.emit({ event: 'replan', step, epoch, replan, value, pins: added });
    // The checkpoint decides which plan a resumed run has.
    await this.checkpoint(states);
    await updateRun(run, contents);
  }

  /** Says once where a loss that is not finite comes from. Throws UserError AMP7302 unless the run is to go on all the same. */
  private async lose(lost: Loss): Promise<void> {
    if (this.warned) return;
    this.warned = true;
    const started = performance.now();
    const { run, recipe, replanner } = this.options;
    const ends = ENDS[recipe.train.onLostLoss];
    const origin = await this.watch.lookForLoss(this.running, lost.step, this.losses);
    const pinsHelp = origin?.kind === 'value' && origin.blame?.certain !== true;
    const keep = pinsHelp ? (replanner?.advise(origin.overflow) ?? []) : [];
    const warning = lostLoss(lost, { origin, keep, rate: this.plan.rate(lost.step), isGuarded: this.isGuarded, ends });
    await this.emit(warning);
    this.speed.addTime(started - performance.now());
    if (ends) throw lostRun(warning, run, this.savedStep);
  }

  /** Whether states may be written to the run's files: what is not finite never takes the place of what is. Throws as `lose`. */
  private async areFinite(states: StateValues): Promise<boolean> {
    const state = brokenState(this.running.plan, states);
    if (state === undefined) return true;
    await this.lose({ step: this.step - 1, loss: Number.NaN, norm: undefined, state });
    return false;
  }

  private progress(phase: 'train' | 'test', done: number, total: number): void {
    const { epochs, stepsPerEpoch, totalSteps, maxSteps, imagesPerEpoch } = this.plan;
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
      leftOut: this.tally.leftOut,
      lossScale: this.scale,
      skipped: this.tally.skipped,
      imagesPerSecond: this.speed.imagesPerSecond,
      secondsLeft: this.speed.secondsFor((stepsLeft * imagesPerEpoch) / stepsPerEpoch, Math.ceil(stepsLeft / stepsPerEpoch)),
    });
  }

  /** Scores on the test set, or undefined when interrupted or switched off. */
  async test(): Promise<Scores | undefined> {
    const { dataset, signal } = this.options;
    const { executable, plan } = this.running;
    if (this.options.evaluate === false) return undefined;
    const started = performance.now();
    const onProgress = (done: number, total: number): void => this.progress('test', done, total);
    const result = await evaluate(executable, plan, dataset.test, { signal, onProgress, load: this.options.load });
    this.speed.testMs = performance.now() - started;
    if (result === undefined) return undefined;
    const { accuracy, loss, help } = result;
    if (help !== undefined) {
      const message = `the test loss after step ${this.step} is ${loss}, and the test accuracy means nothing`;
      const warning: TrainEvent = { event: 'warning', step: this.step, code: 'AMP7304', message, ...help };
      // Where a run stops within an epoch, `done` has the loss, and a run that goes on from there has neither line.
      if (this.stepInEpoch === this.plan.stepsPerEpoch) await this.emit(warning);
      else this.options.onEvent?.(warning);
    }
    return { accuracy, loss };
  }

  /** The present states, in memory that is used again for the next ones. All reported steps must have been drained. */
  present(): Promise<StateValues> {
    return this.watch.present(this.step, this.executable);
  }

  /** Writes down a finished epoch: weights, metrics line, then the checkpoint, so that a crash in between repeats the epoch's end. */
  async finishEpoch(scores: Scores | undefined): Promise<void> {
    const epoch = this.epoch + 1;
    const states = await this.present();
    await this.saveLast(states, scores);
    this.last = scores;
    await this.emit({
      event: 'epoch',
      epoch,
      train_loss: meanLoss(this.tally),
      left_out_steps: this.tally.leftOut,
      test_loss: scores?.loss ?? null,
      test_accuracy: scores?.accuracy ?? null,
      images_per_second: this.speed.imagesPerSecond,
      skipped_steps: this.tally.skipped,
      seconds: this.epochSeconds,
    });
    this.epoch = epoch;
    this.stepInEpoch = 0;
    this.tally = EMPTY_TALLY;
    this.watch.endEpoch();
    this.speed.endEpoch();
    this.epochSecondsBefore = 0;
    this.epochStartedAt = performance.now();
    await this.checkpoint(states);
  }

  /**
   * Unless they are not finite: last.safetensors, and best.safetensors when there is none or `scores` beat all before (first come, first
   * kept).
   */
  async saveLast(states: StateValues, scores: Scores | undefined): Promise<void> {
    const [{ run }, { plan }] = [this.options, this.running];
    if (!(await this.areFinite(states))) return;
    const [lastPath, bestPath] = [join(run, RUN_FILES.last), join(run, RUN_FILES.best)];
    await saved(lastPath, saveWeights(lastPath, plan, states));
    if (this.best !== undefined && (scores === undefined || scores.accuracy <= this.best.accuracy)) return;
    await saved(bestPath, saveWeights(bestPath, plan, states));
    this.best = scores;
  }

  /** Unless its states are not finite. All reported steps must have been drained. */
  async checkpoint(states?: StateValues): Promise<void> {
    const values = states ?? (await this.present());
    if (!(await this.areFinite(values))) return;
    const { step, epoch, stepInEpoch, tally, losses, skipsInARow, watch, pins, last, best, seconds, epochSeconds } = this;
    const place = { step, epoch, stepInEpoch, tally, losses, skipsInARow, seconds, epochSeconds };
    const { course, rate } = this.plan;
    const rates = { course, rate: step > 0 ? rate(step - 1) : undefined };
    const position: RunPosition = { ...place, ...rates, watch: watch.state, pins, last, best };
    const path = join(this.options.run, RUN_FILES.checkpoint);
    await saved(path, saveCheckpoint(path, this.running.plan, this.settings, position, values));
    this.savedAt = performance.now();
    this.savedStep = step;
  }
}
