import type { UserError } from '../../diagnostics/diagnostic.js';
import type { FoundPin } from '../../ir/pin.js';
import type { TrainEvent } from '../events.js';
import type { TrainOptions } from '../options.js';
import { epochOf, type SessionPlan } from '../session-plan.js';
import type { StepResult } from '../step-result.js';
import type { LossHistory } from '../tally.js';
import { type Blame, NO_OVERFLOW, type Overflow, overflowText, reachText, tooManySkips } from './overflow.js';
import type { Running, Watch } from './watch.js';

/** What a run is to go on with behind a skipped step: pins, and the value that they are for. */
export interface Takeover {
  readonly value: string;
  readonly pins: readonly FoundPin[];
}

/** The run up to the step that is looked into: skipped steps in a row and of the epoch, that one included, and losses. */
export interface SkipContext {
  readonly inARow: number;
  readonly ofEpoch: number;
  readonly losses: LossHistory;
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
    { inARow, ofEpoch, losses }: SkipContext,
  ): Promise<Takeover | undefined> {
    const isLast = inARow >= this.plan.abortAfter;
    const { isDue } = this.watch;
    if (!isDue && !isLast) return undefined;
    const { overflow, blame } = await this.watch.look(running, result, later, losses);
    const keep = overflow === undefined || blame?.certain === true ? [] : (this.options.replanner?.advise(overflow) ?? []);
    const takeover = isDue ? await this.report(result, overflow, blame, keep) : undefined;
    const rate = this.plan.rate(result.step);
    if (takeover === undefined && isLast)
      await this.abort(tooManySkips({ skips: inARow, result, overflow, blame, keep, rate }), result, ofEpoch);
    return takeover;
  }

  private async report(
    result: StepResult,
    overflow: Overflow | undefined,
    blame: Blame | undefined,
    keep: readonly string[],
  ): Promise<Takeover | undefined> {
    const times = this.watch.countLook(overflow);
    const evidence = blame === undefined ? '' : `; ${blame.evidence}`;
    const message = overflow === undefined ? 'run again, the step overflows nowhere' : `${overflowText(overflow)}${evidence}`;
    const [step, epoch] = [result.step + 1, epochOf(this.plan, result.step)];
    const about = { step, epoch, loss_scale: result.scale, times, keep, last: !this.watch.isDue };
    await this.emit({ event: 'overflow', ...about, message, ...(overflow ?? NO_OVERFLOW) });
    if (overflow === undefined || keep.length === 0 || times < (this.options.replanAfter ?? Number.POSITIVE_INFINITY)) return undefined;
    const text = `${overflow.value} ${reachText(overflow)}, ${times} times by step ${step}`;
    return { value: overflow.value, pins: keep.map((pattern) => ({ pattern, dtype: 'f32', origin: { kind: 'replan', text } })) };
  }

  /** Ends the run; its folder keeps the reason. */
  private async abort(error: UserError, { step, scale }: StepResult, skipped: number): Promise<never> {
    const { code, message, why = '', fix = '' } = error.diagnostics[0]!;
    await this.emit({
      event: 'warning',
      step: step + 1,
      code,
      message,
      why,
      fix,
      ends_run: true,
      skipped_steps: skipped,
      loss_scale: scale,
    });
    throw error;
  }
}
