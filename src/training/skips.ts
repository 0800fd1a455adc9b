import type { UserError } from '../diagnostics/diagnostic.js';
import type { StoredPin } from '../ir/program.js';
import type { TrainEvent } from './events.js';
import type { TrainOptions } from './options.js';
import { NO_OVERFLOW, type Overflow, overflowText, reachText, tooManySkips } from './overflow.js';
import { epochOf, type SessionPlan } from './session-plan.js';
import type { StepResult } from './stepper.js';
import type { Running, Watch } from './watch.js';

/** What a run is to go on with behind a skipped step: pins, and the value that they are for. */
export interface Takeover {
  readonly value: string;
  readonly pins: readonly StoredPin[];
}

/** Skipped steps up to and with the one that is looked into: in a row, and of the epoch. */
export interface SkipCounts {
  readonly inARow: number;
  readonly ofEpoch: number;
}

/** Finds out why steps were skipped, reports it, and decides what follows: nothing, another plan, or the end of the run. */
export class SkipReporter {
  constructor(
    private readonly options: Pick<TrainOptions, 'replanner' | 'replanAfter'>,
    private readonly plan: SessionPlan,
    private readonly watch: Watch,
    private readonly emit: (event: TrainEvent) => Promise<void>,
  ) {}

  /** Looks into a skipped step, `later` being the results behind it. Throws UserError when too many steps were skipped in a row. */
  async lookInto(
    running: Running,
    result: StepResult,
    later: readonly StepResult[],
    { inARow, ofEpoch }: SkipCounts,
  ): Promise<Takeover | undefined> {
    const isLast = inARow >= this.plan.abortAfter;
    const { isDue } = this.watch;
    if (!isDue && !isLast) return undefined;
    const overflow = await this.watch.look(running, result, later);
    const keep = overflow === undefined ? [] : (this.options.replanner?.advise(overflow) ?? []);
    const takeover = isDue ? await this.report(result, overflow, keep) : undefined;
    if (takeover === undefined && isLast) await this.abort(tooManySkips(inARow, result, overflow, keep), result, ofEpoch);
    return takeover;
  }

  private async report(result: StepResult, overflow: Overflow | undefined, keep: readonly string[]): Promise<Takeover | undefined> {
    const times = this.watch.countLook(overflow);
    const message = overflow === undefined ? 'run again, the step overflows nowhere' : overflowText(overflow);
    const [step, epoch] = [result.step + 1, epochOf(this.plan, result.step)];
    const about = { step, epoch, loss_scale: result.scale, times, keep, last: !this.watch.isDue };
    await this.emit({ event: 'overflow', ...about, message, ...(overflow ?? NO_OVERFLOW) });
    if (overflow === undefined || keep.length === 0 || times < (this.options.replanAfter ?? Number.POSITIVE_INFINITY)) return undefined;
    const reason = `overflow: ${overflow.value} ${reachText(overflow)}, ${times} times by step ${step}`;
    return { value: overflow.value, pins: keep.map((target) => ({ target, dtype: 'f32', reason })) };
  }

  /** Ends the run; its folder keeps the reason. */
  private async abort(error: UserError, { step, scale }: StepResult, skipped: number): Promise<never> {
    const { code, message, why = '', fix = '' } = error.diagnostics[0]!;
    await this.emit({ event: 'warning', step: step + 1, code, message, why, fix, skipped_steps: skipped, loss_scale: scale });
    throw error;
  }
}
