import { elementCount } from '../ir/types.js';
import type { FunctionName, Plan } from '../plan/plan.js';
import type { Executable, InputData, Inputs, NonFinite, Scalars, SeriesCall } from '../runtime/backend.js';
import type { Batcher } from './data/batcher.js';
import { Pace } from './pace.js';
import { findFunction, inputNames } from './states.js';

/** What the device reported about one optimizer step. */
export interface StepResult {
  /** 0-based. */
  readonly step: number;
  /** Mean over the step's images. */
  readonly loss: number;
  readonly correct: number;
  readonly images: number;
  readonly skipped: boolean;
  /** Of the gradients, where they are clipped by it. */
  readonly norm: number | undefined;
  /** The loss scale that was used; 1 without scaling. */
  readonly scale: number;
}

/** A step that was run again, looking for the first value that is not finite, with the inputs of the call that stopped there. */
export interface TracedStep {
  readonly found: NonFinite | undefined;
  readonly inputs: Inputs;
}

export interface StepperOptions {
  readonly executable: Executable;
  readonly plan: Plan;
  readonly batcher: Batcher;
  /** Micro-batches per step. */
  readonly accumulate: number;
  readonly stepsPerEpoch: number;
  /** Learning rate by 0-based step. */
  readonly rate: (step: number) => number;
}

/** One set of input buffers; `busy` settles when the call that reads them no longer does. */
interface Slot {
  readonly image: Uint8Array;
  readonly label: Int32Array;
  readonly lr: Float32Array;
  readonly step: Int32Array;
  busy: Promise<void>;
}

function makeSlot(imageBytes: number, batch: number): Slot {
  return {
    image: new Uint8Array(imageBytes),
    label: new Int32Array(batch),
    lr: new Float32Array(1),
    step: new Int32Array(1),
    busy: Promise.resolve(),
  };
}

/**
 * Feeds optimizer steps to the device: several in a row where it makes their batches itself, else one call ahead, so that a batch is made while
 * the one before it is being computed.
 */
export class Stepper {
  readonly imagesPerStep: number;
  /** Made when a call first needs them. */
  private slots: readonly [Slot, Slot] | undefined;
  private readonly names: ReadonlyMap<FunctionName, ReadonlySet<string>>;
  private next = 0;
  private readonly issued: number[] = [];
  private readonly pace = new Pace();

  constructor(private readonly options: StepperOptions) {
    const { plan, accumulate } = options;
    const train = findFunction(plan, 'train_step');
    if (train === undefined) throw new Error('the plan has no train_step');
    if (accumulate > 1 && findFunction(plan, 'accumulate_step') === undefined) throw new Error('the plan has no accumulate_step');
    this.imagesPerStep = train.batch * accumulate;
    this.names = new Map(plan.functions.map((fn) => [fn.name, inputNames(fn.graph)]));
  }

  /**
   * Issues step `step` (0-based) and some of those behind it, all of the same epoch and at most `most`; resolves to their number when the
   * next one may be issued.
   */
  async enqueue(step: number, most: number): Promise<number> {
    const { executable, accumulate } = this.options;
    const count = executable.series === undefined ? 1 : this.pace.next(most);
    if (executable.series !== undefined) await this.callSeries(step, count);
    else for (let micro = 0; micro < accumulate; micro++) await this.callMicro(step, micro, false);
    for (let i = 0; i < count; i++) this.issued.push(step + i);
    return count;
  }

  private async callSeries(first: number, count: number): Promise<void> {
    const { executable, batcher, accumulate, stepsPerEpoch, rate } = this.options;
    const calls = Array.from({ length: count * accumulate }, (_, call): SeriesCall => {
      const step = first + Math.floor(call / accumulate);
      const fn = call % accumulate < accumulate - 1 ? 'accumulate_step' : 'train_step';
      return { fn, lr: rate(step), step: first * accumulate + call };
    });
    const batches = batcher.select(Math.floor(first / stepsPerEpoch), (first % stepsPerEpoch) * accumulate, calls.length);
    const started = performance.now();
    await executable.series?.(batches, calls);
    this.pace.took(count, performance.now() - started);
  }

  private takeSlot(): Slot {
    const { batch } = this.options.batcher.options;
    const imageBytes = batch * elementCount(this.options.batcher.set.shape);
    this.slots ??= [makeSlot(imageBytes, batch), makeSlot(imageBytes, batch)];
    const slot = this.slots[this.next] as Slot;
    this.next = 1 - this.next;
    return slot;
  }

  private async callMicro(step: number, micro: number, trace: boolean): Promise<Inputs> {
    const { executable, batcher, accumulate, stepsPerEpoch, rate } = this.options;
    const slot = this.takeSlot();
    await slot.busy;
    batcher.fill(Math.floor(step / stepsPerEpoch), (step % stepsPerEpoch) * accumulate + micro, slot.image, slot.label);
    slot.lr[0] = rate(step);
    slot.step[0] = step * accumulate + micro;
    const name: FunctionName = micro < accumulate - 1 ? 'accumulate_step' : 'train_step';
    const inputs: Record<string, InputData> = {};
    for (const input of this.names.get(name) ?? []) {
      if (input !== 'image' && input !== 'label' && input !== 'lr' && input !== 'step')
        throw new Error(`${name} has an unknown input ${input}`);
      inputs[input] = slot[input];
    }
    slot.busy = executable.call(name, inputs, trace ? { trace } : undefined);
    // A failure surfaces where `busy` is awaited; until then it must not count as unhandled.
    slot.busy.catch(() => undefined);
    return inputs;
  }

  private async settle(): Promise<void> {
    await Promise.all(this.slots?.map(({ busy }) => busy) ?? []);
  }

  /** Waits for the device; results of all steps since the last drain, oldest first. */
  async drain(): Promise<StepResult[]> {
    const { executable, accumulate } = this.options;
    await this.settle();
    const scalars = await executable.drain();
    const steps = this.issued.splice(0);
    if (scalars.length !== steps.length * accumulate) throw new Error(`${scalars.length} results for ${steps.length} steps`);
    return steps.map((step, index) => this.combine(step, scalars.slice(index * accumulate, (index + 1) * accumulate)));
  }

  private combine(step: number, parts: readonly Scalars[]): StepResult {
    const last = parts.at(-1);
    const loss = parts.reduce((sum, part) => sum + (part.loss ?? Number.NaN), 0) / parts.length;
    const correct = parts.reduce((sum, part) => sum + (part.correct ?? 0), 0);
    return { step, loss, correct, images: this.imagesPerStep, skipped: last?.ok === 0, norm: last?.norm, scale: last?.scale ?? 1 };
  }

  /** Runs the steps from `from` to before `to` again, from the present states. Their results are dropped. */
  async repeat(from: number, to: number): Promise<void> {
    for (let step = from; step < to; step++)
      for (let micro = 0; micro < this.options.accumulate; micro++) await this.callMicro(step, micro, false);
    await this.settle();
    await this.options.executable.drain();
  }

  /** Runs a step again from the present states, looking for the first value that is not finite. Its results are dropped. */
  async trace(step: number): Promise<TracedStep> {
    const { executable, accumulate } = this.options;
    let found: NonFinite | undefined;
    let inputs: Inputs = {};
    for (let micro = 0; micro < accumulate && found === undefined; micro++) {
      inputs = await this.callMicro(step, micro, true);
      await this.settle();
      found = await executable.nonFinite();
    }
    await executable.drain();
    return { found, inputs };
  }

  /** The same steps with another plan of the same program. */
  on(executable: Executable, plan: Plan): Stepper {
    return new Stepper({ ...this.options, executable, plan });
  }
}
