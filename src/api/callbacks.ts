import { DEFAULT_PATIENCE, type Monitored } from '../ir/early-stop.js';
import type { BestEpoch } from '../training/checkpoint-metadata.js';
import { withEpoch } from '../training/early-stop.js';
import type { EpochEvent, StartEvent, StepEvent, TrainEvent } from '../training/events.js';

/** What a callback can do to the run that it is told of. */
export interface TrainControl {
  /** Ends the run as one that is done, after the running step, or behind the epoch that was just told. */
  stop(): void;
}

type Told<Event> = (event: Event, control: TrainControl) => void | Promise<void>;

/** Told of a run while it goes on; the run waits for what is returned. */
export interface TrainCallback {
  readonly onStart?: Told<StartEvent>;
  /** Of every `logEvery`-th step. */
  readonly onStep?: Told<StepEvent>;
  readonly onEpoch?: Told<EpochEvent>;
  /** Of everything, warnings and overflows too. */
  readonly onEvent?: Told<TrainEvent>;
}

export interface EarlyStoppingOptions {
  /** Default: `validation_loss` where images are kept for validation, else `test_loss`. */
  readonly monitor?: Monitored | undefined;
  /** Epochs without a better value after which the run ends; default 3. */
  readonly patience?: number | undefined;
  /** By how much a value has to be better to count; default 0. */
  readonly minDelta?: number | undefined;
}

/** Ends a run that no longer gets better. The best weights are in the run's `best.safetensors` as ever. */
export function earlyStopping({ monitor, patience = DEFAULT_PATIENCE, minDelta = 0 }: EarlyStoppingOptions = {}): TrainCallback {
  let best: BestEpoch | undefined;
  let since = 0;
  return {
    onEpoch(event, control) {
      const metric = monitor ?? (typeof event.validation_loss === 'number' ? 'validation_loss' : 'test_loss');
      const next = withEpoch(best, event, { metric, minDelta });
      since = next === best ? since + 1 : 0;
      best = next;
      if (since >= patience) control.stop();
    },
  };
}

/** Hands events to callbacks, and keeps that one of them has ended the run. */
export class Callbacks implements TrainControl {
  isStopped = false;

  constructor(private readonly callbacks: readonly TrainCallback[]) {}

  stop(): void {
    this.isStopped = true;
  }

  async tell(event: TrainEvent): Promise<void> {
    for (const callback of this.callbacks) {
      await callback.onEvent?.(event, this);
      if (event.event === 'start') await callback.onStart?.(event, this);
      if (event.event === 'step') await callback.onStep?.(event, this);
      if (event.event === 'epoch') await callback.onEpoch?.(event, this);
    }
  }
}
