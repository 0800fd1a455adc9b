import type { LostLossPolicy } from '../../ir/program.js';
import type { TrainEvent } from '../events.js';
import type { TrainOptions } from '../options.js';
import { isGuarded, type SessionPlan } from '../session-plan.js';
import type { LossHistory } from '../tally.js';
import { type Loss, lostLoss, lostRun } from './lost-loss.js';
import type { Running, Watch } from './watch.js';

/** Whether a lost loss ends the run. */
const ENDS: Readonly<Record<LostLossPolicy, boolean>> = { stop: true, continue: false };

/** Finds out where a loss that is not finite comes from, says so once, and decides whether the run goes on. */
export class LostLossReporter {
  #isDone = false;

  constructor(
    private readonly options: Pick<TrainOptions, 'replanner' | 'recipe' | 'run'>,
    private readonly plan: SessionPlan,
    private readonly watch: Watch,
    private readonly emit: (event: TrainEvent) => Promise<void>,
  ) {}

  /** Whether it has been said. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** `savedStep`: the step of the run's checkpoint. Throws UserError AMP7302 unless the run is to go on all the same. */
  async report(running: Running, lost: Loss, losses: LossHistory, savedStep: number): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    const { run, recipe, replanner } = this.options;
    const ends = ENDS[recipe.train.onLostLoss];
    const origin = await this.watch.lookForLoss(running, lost.step, losses);
    const pinsHelp = origin?.kind === 'value' && origin.blame?.certain !== true;
    const keep = pinsHelp ? (replanner?.advise(origin.overflow) ?? []) : [];
    const warning = lostLoss(lost, { origin, keep, rate: this.plan.rate(lost.step), isGuarded: isGuarded(this.plan), ends });
    await this.emit(warning);
    if (ends) throw lostRun(warning, run, savedStep);
  }
}
