import { elementCount } from '../../ir/types.js';
import type { Plan } from '../../plan/plan.js';
import type { Executable } from '../../runtime/backend.js';
import type { RunPosition, WatchState } from '../checkpoint-metadata.js';
import { type Ranks, writes } from '../ranks.js';
import { Snapshot } from '../snapshot.js';
import { countNonFinite, largestStateBytes, modelStates, type StateValues } from '../states.js';
import type { StepResult } from '../step-result.js';
import type { Stepper } from '../stepper.js';
import type { LossHistory } from '../tally.js';
import { copyOfFirst, type Kept } from './among-ranks.js';
import { blameRate } from './likely-cause.js';
import { findOrigin, type LossOrigin } from './lost-loss.js';
import { type Blame, explainOverflow, type Overflow } from './overflow.js';

/** Skipped steps of an epoch that are looked into; each costs the steps since the last copy of the states, and two more. */
export const TRACES_PER_EPOCH = 8;

/** The states are copied at most so often that it takes this share of the time. */
const COPYING = 0.01;

/** What runs now; a new plan brings new ones. */
export interface Running {
  readonly plan: Plan;
  readonly executable: Executable;
  readonly stepper: Stepper;
}

/** What overflowed first in a skipped step, undefined if nothing does when it is run again, and what speaks for the learning rate. */
export interface Look {
  readonly overflow: Overflow | undefined;
  readonly blame: Blame | undefined;
}

/**
 * Looks into skipped steps, and without a loss scale into the first loss that is not finite. The device is never waited for: when a skip is
 * noticed, later steps may have changed the states, so a copy of earlier states is kept in memory, the steps since then are run again to
 * the same bits, and the skipped one is traced.
 */
export class Watch {
  private traced: number;
  private readonly seen: Map<string, number>;
  private count: number;
  private keptAt = performance.now();
  private cost = 0;
  private kept: Kept;

  constructor(
    position: RunPosition,
    states: StateValues,
    private readonly load: ((plan: Plan) => Promise<Executable>) | undefined,
    /** The plan of a run whose steps are never skipped: there states may be broken before a loss is, and such ones are no start. */
    private readonly unguarded: Plan | undefined,
    /** Of several all look together, and the first one keeps the copy for all. */
    private readonly ranks: Ranks | undefined = undefined,
  ) {
    const { traced = 0, seen = {}, replans = 0 } = position.watch ?? {};
    this.traced = traced;
    this.seen = new Map(Object.entries(seen));
    this.count = replans;
    this.kept = { step: position.step, states };
  }

  get state(): WatchState {
    return { traced: this.traced, seen: Object.fromEntries(this.seen), replans: this.count };
  }

  /** Whether the epoch's next skip is to be looked into. */
  get isDue(): boolean {
    return this.traced < TRACES_PER_EPOCH;
  }

  endEpoch(): void {
    this.traced = 0;
  }

  /** Another plan takes over with these states before step `step`: those of the old one are of no use to it. */
  startAnew(step: number, states: StateValues): void {
    this.kept = { step, states };
  }

  /**
   * The present states, which step `step` (0-based) begins with; every earlier step must have been reported. They become the copy, in its
   * own memory, unless they are no start: so a run holds its states once beside those of the device, also while it saves them.
   */
  async present(step: number, { plan, executable }: Omit<Running, 'stepper'>): Promise<Snapshot> {
    this.keptAt = performance.now();
    const looked = this.unguarded && { broken: await this.findBroken(this.unguarded, executable) };
    if (looked?.broken !== undefined) return new Snapshot(plan, await executable.readStates(), looked);
    const states = await executable.readStates(undefined, this.kept.states);
    this.kept = { step, states };
    return new Snapshot(plan, states, looked);
  }

  /** A parameter or statistic that is not finite; they are seen one by one, in the memory of the largest. */
  private async findBroken(plan: Plan, executable: Executable): Promise<string | undefined> {
    const memory = new ArrayBuffer(largestStateBytes(plan));
    for (const { name, shape } of modelStates(plan)) {
      const into = new Map([[name, new Float32Array(memory, 0, elementCount(shape))]]);
      const [values] = (await executable.readStates([name], into)).values();
      if (countNonFinite(values!) > 0) return name;
    }
    return undefined;
  }

  /** The copy, on all ranks. */
  private async copy(): Promise<Kept> {
    if (this.ranks !== undefined) this.kept = await copyOfFirst(this.ranks, this.kept);
    return this.kept;
  }

  /** Copies the states if that costs next to nothing by now. */
  async refresh(step: number, running: Omit<Running, 'stepper'>): Promise<void> {
    const started = performance.now();
    if (!writes(this.ranks) || step === this.kept.step || started - this.keptAt < this.cost / COPYING) return;
    await this.present(step, running);
    this.cost = performance.now() - started;
  }

  /** Where the loss of 0-based step `step`, the first that is not finite, comes from. The states are afterwards as before. */
  async lookForLoss(running: Running, step: number, losses: LossHistory): Promise<LossOrigin | undefined> {
    const kept = await this.copy();
    // Steps that were skipped have values that are not finite, and broke nothing.
    const from = this.unguarded === undefined ? step : kept.step;
    return findOrigin({ ...running, load: this.load, losses, ranks: this.ranks }, kept, from, step);
  }

  /** Counts a look at a skip; how often `overflow` has been the first value to overflow. */
  countLook(overflow: Overflow | undefined): number {
    this.traced += 1;
    if (overflow === undefined) return 0;
    const times = (this.seen.get(overflow.value) ?? 0) + 1;
    this.seen.set(overflow.value, times);
    return times;
  }

  /** The number of the next plan, from 1; the counts start anew with it. */
  countReplan(): number {
    this.count += 1;
    this.traced = 0;
    this.seen.clear();
    return this.count;
  }

  /** Looks into a skipped step. The states are afterwards as before. */
  async look({ plan, executable, stepper }: Running, result: StepResult, later: readonly StepResult[], losses: LossHistory): Promise<Look> {
    const present = await executable.readStates();
    // Skipped steps change nothing but the scale.
    if (later.every(({ skipped }) => skipped)) await executable.writeStates(new Map([['scaler.scale', Float32Array.of(result.scale)]]));
    else {
      const kept = await this.copy();
      await executable.writeStates(kept.states);
      await stepper.repeat(kept.step, result.step);
    }
    const states = await executable.readStates();
    const overflow = await explainOverflow({ plan, states, load: this.load, ranks: this.ranks }, await stepper.trace(result.step));
    await executable.writeStates(present);
    return { overflow, blame: blameRate({ plan, step: result.step, overflow, states, losses }) };
  }

  /** The states that a step left behind, when `later` ones have been taken since; they become the copy. */
  async statesAfter(running: Running, step: number, later: readonly StepResult[]): Promise<Snapshot> {
    const { executable, stepper } = running;
    if (later.length > 0) {
      await executable.writeStates(this.kept.states);
      await stepper.repeat(this.kept.step, step + 1);
    }
    return this.present(step + 1, running);
  }
}
