import { type EpochDivision, imagesBefore, stepsPerEpoch } from '../ir/epoch.js';
import { elementCount } from '../ir/types.js';
import type { FunctionName, Plan } from '../plan/plan.js';
import type { Executable, InputData, Inputs, Scalars, SeriesCall } from '../runtime/backend.js';
import type { Batcher } from './data/batcher.js';
import { fillWithout, ownPart, ownPlaces, selectParts } from './data/parts.js';
import { type Micro, microBatches, STEPS_OF_RANKS } from './micro-batches.js';
import { firstAmong, type TracedStep } from './overflow/among-ranks.js';
import { Pace } from './pace.js';
import type { Ranks } from './ranks.js';
import type { Rates } from './schedule.js';
import { findFunction, furtherInputs, inputNames } from './states.js';
import { combineCalls, type StepResult } from './step-result.js';
import { makeSlot, type Slot } from './step-slot.js';

export interface StepperOptions {
  readonly executable: Executable;
  readonly plan: Plan;
  readonly batcher: Batcher;
  readonly division: EpochDivision;
  /** Of several: which rank this is. The division is that of all. */
  readonly ranks?: Ranks | undefined;
  /** Learning rates by 0-based step. */
  readonly rates: (step: number) => Rates;
}

/**
 * Feeds optimizer steps to the device: several in a row where it makes their batches itself, else one call ahead, so that a batch is made
 * while the one before it is being computed.
 */
export class Stepper {
  readonly stepsPerEpoch: number;
  private readonly micros: ReturnType<typeof microBatches>;
  /** Made when a call first needs them. */
  private slots: readonly [Slot, Slot] | undefined;
  private readonly names: ReadonlyMap<FunctionName, ReadonlySet<string>>;
  private next = 0;
  private readonly issued: number[] = [];
  private readonly pace = new Pace();
  private dataMs = 0;

  constructor(private readonly options: StepperOptions) {
    const { plan, division } = options;
    this.stepsPerEpoch = stepsPerEpoch(division);
    this.micros = microBatches(division, options.ranks);
    for (const {
      fn,
      own: { batch },
    } of [...this.micros.whole, ...this.micros.last]) {
      const planned = findFunction(plan, fn)?.batch;
      if (planned !== batch)
        throw new Error(`the plan has ${planned === undefined ? 'no' : `a batch of ${planned} in`} ${fn}, not ${batch}`);
    }
    this.names = new Map(plan.functions.map((fn) => [fn.name, inputNames(fn.graph)]));
  }

  private isLast(step: number): boolean {
    return step % this.stepsPerEpoch >= this.options.division.wholeSteps;
  }

  private microsOf(step: number): readonly Micro[] {
    return this.isLast(step) ? this.micros.last : this.micros.whole;
  }

  /** Images of `count` steps from `step` (0-based) on, all of the same epoch. */
  imagesOf(step: number, count: number): number {
    const { division } = this.options;
    const inEpoch = step % this.stepsPerEpoch;
    return imagesBefore(division, inEpoch + count) - imagesBefore(division, inEpoch);
  }

  /**
   * Lets the device make ready what the end of the epoch needs, if it is among the next `most` steps from `step` on but not the next: its
   * last step and the evaluation behind it.
   */
  expect(step: number, most: number): void {
    const { executable, division } = this.options;
    const until = division.wholeSteps - (step % this.stepsPerEpoch);
    if (until > 0 && until < most) for (const { fn } of this.micros.last) void executable.expect?.(fn);
    if (until > 0) void executable.expect?.('eval_step');
  }

  /**
   * Issues step `step` (0-based) and some of those behind it, all of the same epoch and at most `most`; resolves to their number when the
   * next one may be issued. Rejects as `Supply.hold`, and then has issued nothing.
   */
  async enqueue(step: number, most: number): Promise<number> {
    const { division } = this.options;
    const alike = this.isLast(step) ? 1 : division.wholeSteps - (step % this.stepsPerEpoch);
    const inSeries = this.runsInSeries();
    const together = Math.max(1, Math.floor(this.options.batcher.room / this.imagesOf(step, 1)));
    const pace = (limit: number) => (this.options.ranks === undefined ? this.pace.next(limit) : Math.min(limit, STEPS_OF_RANKS));
    const count = !inSeries ? 1 : pace(Math.min(most, alike, together));
    await this.hold(step, count);
    if (inSeries) await this.callSeries(step, count);
    else for (let micro = 0; micro < this.microsOf(step).length; micro++) await this.callMicro(step, micro, false);
    for (let i = 0; i < count; i++) this.issued.push(step + i);
    return count;
  }

  /** Where the images of a step are in its epoch. */
  private placeOf(step: number): { readonly epoch: number; readonly first: number } {
    const { division } = this.options;
    return { epoch: Math.floor(step / this.stepsPerEpoch), first: imagesBefore(division, step % this.stepsPerEpoch) };
  }

  /** Waits for the images of steps, before anything of them is issued. Rejects as `Supply.hold`. */
  private async hold(step: number, count: number): Promise<void> {
    const { epoch, first } = this.placeOf(step);
    const started = performance.now();
    await this.options.batcher.hold(epoch, first, this.imagesOf(step, count), ownPlaces(this.options));
    this.dataMs += performance.now() - started;
  }

  /** The number of a call, from 0: what dropout draws by. */
  private numberOf(step: number, micro: number): number {
    return step * this.options.division.accumulate + micro;
  }

  /** Whether the device makes the batches: if it can. */
  private runsInSeries(): boolean {
    const { executable, batcher } = this.options;
    return executable.series !== undefined && batcher.isMadeBy(executable);
  }

  private async callSeries(from: number, count: number): Promise<void> {
    const { executable, batcher, rates } = this.options;
    const steps = Array.from({ length: count }, (_, i) => from + i);
    const calls = steps.flatMap((step) =>
      this.microsOf(step).map(({ fn }, micro): SeriesCall => ({ fn, rates: rates(step), step: this.numberOf(step, micro) })),
    );
    const { epoch, first } = this.placeOf(from);
    const all = batcher.select(epoch, first, this.imagesOf(from, count));
    const micros = steps.flatMap((step) => this.microsOf(step));
    const batches = this.options.ranks === undefined ? all : selectParts(all, micros);
    const [started, waited] = [performance.now(), executable.dataSeconds ?? 0];
    await executable.series?.(batches, calls);
    this.dataMs += 1000 * ((executable.dataSeconds ?? 0) - waited);
    if (!this.isLast(from)) this.pace.took(count, performance.now() - started);
  }

  private takeSlot(): Slot {
    const { batcher, division, plan, ranks } = this.options;
    const { batch } = ownPart(division.batch, ranks);
    // Of a smaller last step a rank may have as many black images.
    const make = () =>
      makeSlot(elementCount(batcher.set.shape), Math.max(batch, ranks === undefined ? 0 : 2), findFunction(plan, 'train_step')!.graph);
    this.slots ??= [make(), make()];
    const slot = this.slots[this.next] as Slot;
    this.next = 1 - this.next;
    return slot;
  }

  private async callMicro(step: number, micro: number, trace: boolean): Promise<Inputs> {
    const { executable, batcher, division, rates } = this.options;
    const slot = this.takeSlot();
    await slot.busy;
    const { fn, own } = this.microsOf(step)[micro]!;
    const { batch } = own;
    const { epoch, first } = this.placeOf(step);
    const image = slot.image.subarray(0, batch * elementCount(batcher.set.shape));
    const label = slot.label.subarray(0, batch);
    const target = slot.target?.subarray(0, (slot.target.length / slot.label.length) * batch);
    const started = performance.now();
    if (own.images > 0) batcher.fill(epoch, first + micro * division.batch + own.from, image, label, target, slot.further);
    else fillWithout(image, label, target, slot.further);
    this.dataMs += performance.now() - started;
    const now = rates(step);
    for (const [name, buffer] of Object.entries(slot.rates)) buffer[0] = now[name]!;
    slot.step[0] = this.numberOf(step, micro);
    const further = furtherInputs(slot.further, batch / slot.label.length);
    const known: Record<string, InputData> = { image, label, ...(target && { target }), ...further, ...slot.rates, step: slot.step };
    const inputs: Record<string, InputData> = {};
    for (const input of this.names.get(fn) ?? []) {
      const data = known[input];
      if (data === undefined) throw new Error(`${fn} has an unknown input ${input}`);
      inputs[input] = data;
    }
    slot.busy = executable.call(fn, inputs, trace ? { trace } : undefined);
    // A failure surfaces where `busy` is awaited; until then it must not count as unhandled.
    slot.busy.catch(() => undefined);
    return inputs;
  }

  /**
   * Milliseconds since the last call in which batches were put together: in a series, all of which the steps wait; else at most, for the
   * call before may still run.
   */
  takeDataMs(): number {
    const ms = this.dataMs;
    this.dataMs = 0;
    return ms;
  }

  private async settle(): Promise<void> {
    await Promise.all(this.slots?.map(({ busy }) => busy) ?? []);
  }

  /** Waits for the device; results of all steps since the last drain, oldest first. */
  async drain(): Promise<StepResult[]> {
    await this.settle();
    const scalars = [...(await this.options.executable.drain())];
    const steps = this.issued.splice(0);
    const calls = steps.reduce((sum, step) => sum + this.microsOf(step).length, 0);
    if (scalars.length !== calls) throw new Error(`${scalars.length} results for ${calls} calls`);
    return steps.map((step) => this.combine(step, scalars.splice(0, this.microsOf(step).length)));
  }

  private combine(step: number, parts: readonly Scalars[]): StepResult {
    const { batch, accumulate } = this.options.division;
    const calls = this.microsOf(step).map((micro, index) => ({ batch: micro.batch, scalars: parts[index]! }));
    return combineCalls(step, calls, this.imagesOf(step, 1), batch * accumulate);
  }

  /** Runs the steps from `from` to before `to` again, from the present states. Their results are dropped. */
  async repeat(from: number, to: number): Promise<void> {
    for (let step = from; step < to; step++) {
      await this.hold(step, 1);
      for (let micro = 0; micro < this.microsOf(step).length; micro++) await this.callMicro(step, micro, false);
    }
    await this.settle();
    await this.options.executable.drain();
  }

  /** Runs a step again from the present states, as all ranks do, for the first value that is not finite. Its results are dropped. */
  async trace(step: number): Promise<TracedStep> {
    const { executable, ranks } = this.options;
    let traced: TracedStep = { found: undefined, inputs: {} };
    await this.hold(step, 1);
    for (let micro = 0; micro < this.microsOf(step).length && traced.found === undefined; micro++) {
      const inputs = await this.callMicro(step, micro, true);
      await this.settle();
      const own = await executable.nonFinite();
      const { found, at } = ranks === undefined ? { found: own } : await firstAmong(ranks, own);
      traced = { found, inputs, at };
    }
    await executable.drain();
    return traced;
  }

  /** The same steps with another plan of the same program. */
  on(executable: Executable, plan: Plan): Stepper {
    return new Stepper({ ...this.options, executable, plan });
  }
}
