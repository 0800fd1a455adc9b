import type { FoundPin } from '../ir/pin.js';
import { printPlan } from '../plan/print.js';
import { breathe } from '../platform/system.js';
import type { RunPosition, RunSettings, Scores } from './checkpoint-metadata.js';
import type { TrainEvent } from './events.js';
import type { Replanned, TrainOptions } from './options.js';
import { isLost, type Loss } from './overflow/lost-loss.js';
import { LostLossReporter } from './overflow/lost-loss-reporter.js';
import { SkipReporter, type Takeover } from './overflow/skips.js';
import { type Running, Watch } from './overflow/watch.js';
import { enterPhase, nextChange, phaseDue } from './phase.js';
import { Progress } from './progress.js';
import { epochEvent, lostTest, reportOf, stepEvent } from './progress-report.js';
import { Agreement, writes } from './ranks.js';
import { recordReplan, updateRun } from './run-folder.js';
import { type Adopted, RunKeeper } from './run-keeper.js';
import type { RunLogs } from './run-logs.js';
import { scoreSets } from './scores.js';
import { epochOf, isGuarded, isLogged, type SessionPlan, stepsIn, stepsUntilDue } from './session-plan.js';
import { Snapshot } from './snapshot.js';
import { countsCorrect, type StateValues } from './states.js';
import type { StepResult } from './step-result.js';
import type { Stepper } from './stepper.js';
import { storePin } from './stored-pins.js';
import { isTestDue } from './test-due.js';

/** Longest time between two looks at the device's results, for the progress display. */
const REPORT_MS = 500;
/** `end`: of the epoch's batches; `stop`: the step limit; `interrupt`: the caller's signal. */
export type EpochOutcome = 'end' | 'stop' | 'interrupt';

/** A run in progress: what moves it on, from step to step and from plan to plan. */
export class Session {
  readonly progress: Progress;
  private reportedAt = performance.now();
  private readonly watch: Watch;
  private readonly skips: SkipReporter;
  private readonly lost: LostLossReporter;
  private readonly keeper: RunKeeper;
  running: Running;
  readonly agreement: Agreement;
  private settings: RunSettings;
  private pins: readonly FoundPin[];
  private phase: number;
  constructor(
    private readonly options: TrainOptions,
    private readonly plan: SessionPlan,
    stepper: Stepper,
    private readonly logs: RunLogs,
    position: RunPosition,
    states: StateValues,
  ) {
    this.running = { plan: options.plan, executable: options.executable, stepper };
    this.settings = plan.settings(options.plan, options.recipe);
    this.pins = options.pins ?? [];
    this.phase = position.phase ?? 0;
    this.progress = new Progress(position);
    this.agreement = new Agreement(options);
    const unguarded = isGuarded(plan) ? undefined : options.plan;
    this.watch = new Watch(position, states, options.load, unguarded, options.ranks);
    const emit = (event: TrainEvent) => this.emit(event);
    this.skips = new SkipReporter(options, plan, this.watch, emit);
    this.lost = new LostLossReporter(options, plan, this.watch, emit);
    const refuse = (state: string) => this.lose({ step: this.progress.step - 1, loss: Number.NaN, norm: undefined, state });
    this.keeper = new RunKeeper(options, plan, this.progress, this.watch, refuse);
  }

  private get adopted(): Adopted {
    return { plan: this.running.plan, settings: this.settings, pins: this.pins, phase: this.phase };
  }

  async emit(event: TrainEvent): Promise<void> {
    await this.logs.append(event, this.progress.step);
    await this.options.onEvent?.(event);
  }

  private get stepsInEpoch(): number {
    return stepsIn(this.plan, this.progress.epoch);
  }

  private get isStopped(): boolean {
    return this.agreement.stop || this.progress.step >= this.plan.maxSteps;
  }

  /** Trains until the epoch's batches are done, or the run is told to stop. */
  async trainEpoch(): Promise<EpochOutcome> {
    for (;;) {
      if (this.progress.stepInEpoch < this.stepsInEpoch) await this.enterPhase();
      const outcome = await this.trainSteps();
      const isDone = this.progress.stepInEpoch >= this.stepsInEpoch || (outcome === 'stop' && this.isStopped);
      if (isDone || outcome === 'interrupt') return outcome;
    }
  }

  private async trainSteps(): Promise<EpochOutcome> {
    const { checkpointSteps, checkpointSeconds = 30, ranks } = this.options;
    let [outcome, since]: [EpochOutcome, number] = ['end', performance.now()];
    const clock = (): void => {
      this.progress.speed.addTime(performance.now() - since, this.running.stepper.takeDataMs());
      since = performance.now();
    };
    const change = nextChange(this.options, this.plan.stepsPerEpoch, this.progress.step);
    while (this.progress.stepInEpoch < this.stepsInEpoch && this.progress.step < change) {
      await this.agreement.renew(this.keeper.isDue(undefined, checkpointSeconds));
      if (this.agreement.interrupt) outcome = 'interrupt';
      else if (this.isStopped) outcome = 'stop';
      if (outcome !== 'end') break;
      const { stepper } = this.running;
      const issued = stepper.enqueue(this.progress.step, stepsUntilDue(this.plan, this.progress, checkpointSteps, change));
      // While the device is busy with that.
      stepper.expect(this.progress.step, this.plan.maxSteps - this.progress.step);
      const steps = await issued;
      this.progress.advance(steps, stepper.imagesOf(this.progress.step, steps));
      await breathe();
      if (ranks !== undefined || isLogged(this.plan, this.progress.step) || performance.now() - this.reportedAt >= REPORT_MS) {
        clock();
        await this.report();
      }
      if (this.keeper.isDue(checkpointSteps, checkpointSeconds, this.agreement.save) && this.progress.stepInEpoch < this.stepsInEpoch) {
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

  /** Fetches and reports what the device has done since the last time. */
  async report(): Promise<void> {
    const { executable, stepper } = this.running;
    const results = await stepper.drain();
    for (const [index, result] of results.entries()) {
      await this.take(result);
      if (!result.skipped) continue;
      const [started, later] = [performance.now(), results.slice(index + 1)];
      const context = { inARow: this.progress.skipsInARow, ofEpoch: this.progress.tally.skipped, losses: this.progress.losses };
      const takeover = await this.skips.lookInto(this.running, result, later, context);
      if (takeover !== undefined) await this.replan(result, later, takeover);
      // The next reading of the clock takes it for training.
      this.progress.speed.addTime(started - performance.now());
      if (takeover !== undefined) break;
    }
    if ((isGuarded(this.plan) || !this.lost.isDone) && this.running.executable === executable)
      await this.watch.refresh(this.progress.step, this.running);
    this.reportedAt = performance.now();
    this.show('train', this.progress.stepInEpoch, this.stepsInEpoch);
  }

  private async take(result: StepResult): Promise<void> {
    this.progress.take(result);
    if (isLogged(this.plan, result.step + 1)) await this.emit(stepEvent(this.plan, result));
    if (isLost(result)) await this.lose(result);
  }

  /** Goes on with other parameters frozen, where the present step is the first with that. */
  private async enterPhase(): Promise<void> {
    const { step, epoch } = this.progress;
    const phase = phaseDue(this.options, this.plan.stepsPerEpoch, step, this.phase);
    if (phase === undefined) return;
    const { entered, states, frozen, trains } = await enterPhase(this.options, this.running, phase);
    this.goOnWith(entered);
    this.phase = phase;
    await this.emit({ event: 'phase', step, epoch: epoch + 1, frozen, trains });
    this.watch.startAnew(this.progress.step, states);
    await this.checkpoint(new Snapshot(entered.plan, states));
    if (writes(this.options.ranks)) await updateRun(this.options.run, entered.contents);
  }

  private goOnWith({ plan, executable, recipe }: Replanned): void {
    this.running = { plan, executable, stepper: this.running.stepper.on(executable, plan) };
    this.settings = this.plan.settings(plan, recipe);
  }

  /** Goes on behind a skipped step with a plan that has these pins as well. */
  private async replan(result: StepResult, later: readonly StepResult[], { value, pins }: Takeover): Promise<void> {
    const [{ run, replanner }, { plan: before, stepper }] = [this.options, this.running];
    const left = await this.watch.statesAfter(this.running, result.step, later);
    const adopted = await replanner!.adopt(pins);
    await adopted.executable.writeStates(left.states);
    this.goOnWith(adopted);
    this.pins = adopted.pins;
    const back = later.length;
    this.progress.advance(-back, -stepper.imagesOf(this.progress.step - back, back));
    this.progress.skipsInARow = 0;
    const [step, epoch, replan] = [result.step + 1, epochOf(this.plan, result.step), this.watch.countReplan()];
    const added = pins.map(storePin);
    await recordReplan(run, replan, printPlan(before), { step, epoch, value, pins: added, diff: adopted.diff });
    await this.emit({ event: 'replan', step, epoch, replan, value, pins: added });
    // The checkpoint decides which plan a resumed run has.
    await this.checkpoint(left);
    await updateRun(run, adopted.contents);
  }

  /** Says once where a loss that is not finite comes from. Throws UserError AMP7302 unless the run is to go on all the same. */
  private async lose(lost: Loss): Promise<void> {
    if (this.lost.isDone) return;
    const [started, { losses, speed }] = [performance.now(), this.progress];
    await this.lost.report(this.running, lost, losses, this.keeper.savedStep);
    speed.addTime(started - performance.now());
  }

  private show(phase: 'train' | 'test', done: number, total: number): void {
    this.options.onProgress?.(reportOf(this.progress, this.plan, { phase, done, total }, countsCorrect(this.running.plan)));
  }

  /** Scores on the test images, where these are due, and those kept for choosing; undefined when interrupted, or nothing is evaluated. */
  async test(): Promise<Scores | undefined> {
    const [{ dataset, load, evaluate, signal, ranks }, started] = [this.options, performance.now()];
    if (evaluate === false) return undefined;
    const onProgress = this.show.bind(this, 'test');
    const isTested = (scores: Scores) => isTestDue(this.plan, this.progress, { scores, isStopped: this.isStopped });
    const result = await scoreSets(this.running, dataset, { signal, onProgress, load, ranks, isTested }, this.plan);
    if (result?.test === undefined) return result?.scores.validation && result.scores;
    this.progress.speed.testMs = performance.now() - started;
    const warning = lostTest(this.progress.step, result.test);
    // Where a run stops within an epoch, `done` has the loss, and a run that goes on from there has neither line.
    if (warning !== undefined)
      await (this.progress.stepInEpoch === this.stepsInEpoch ? this.emit(warning) : this.options.onEvent?.(warning));
    return result.scores;
  }

  /** The present states, in memory that is used again for the next ones. All reported steps must have been drained. */
  present(): Promise<Snapshot> {
    return this.watch.present(this.progress.step, this.running);
  }

  /** Writes down a finished epoch: weights, metrics line, then the checkpoint, so that a crash in between repeats the epoch's end. */
  async finishEpoch(scores: Scores | undefined): Promise<void> {
    const [progress, present] = [this.progress, await this.present()];
    await this.saveLast(present, scores);
    progress.last = scores;
    await this.emit(progress.watched(epochEvent(progress, scores), this.plan.earlyStop));
    progress.endEpoch(this.stepsInEpoch === this.plan.stepsPerEpoch);
    await this.logs.epoch({ plan: this.running.plan, states: present.states, step: progress.step, epochs: progress.epoch });
    this.watch.endEpoch();
    await this.checkpoint(present);
  }

  saveLast(present: Snapshot, scores: Scores | undefined): Promise<void> {
    return this.keeper.saveLast(this.adopted, present, scores);
  }

  /** As `RunKeeper.checkpoint`; by default of the present states. */
  async checkpoint(of?: Snapshot): Promise<void> {
    await this.keeper.checkpoint(this.adopted, of ?? (await this.present()));
  }
}
