import type { EarlyStopSpec } from '../ir/early-stop.js';
import type { BestEpoch } from './checkpoint-metadata.js';
import type { DoneEvent, EpochEvent } from './events.js';

/** What `best` becomes with an epoch; the same object where that is not better. A value that is not there, or not finite, is not. */
export function withEpoch(
  best: BestEpoch | undefined,
  event: EpochEvent,
  { metric, minDelta }: Pick<EarlyStopSpec, 'metric' | 'minDelta'>,
): BestEpoch | undefined {
  const value = event[metric];
  if (typeof value !== 'number' || !Number.isFinite(value)) return best;
  // Another metric may be asked for where a run goes on.
  const before = best?.metric === metric ? best.value : undefined;
  const gain = before === undefined ? Number.POSITIVE_INFINITY : metric.endsWith('accuracy') ? value - before : before - value;
  return gain > minDelta ? { metric, value, epoch: event.epoch } : best;
}

/** What the end of a run says of why it came, where so many epochs brought nothing better; undefined: the run goes on. */
export function stalled(
  spec: EarlyStopSpec | undefined,
  {
    bestEpoch: best,
    epoch,
    stepInEpoch,
  }: { readonly bestEpoch: BestEpoch | undefined; readonly epoch: number; readonly stepInEpoch: number },
): DoneEvent['early_stop'] {
  if (spec === undefined || best === undefined || stepInEpoch > 0 || epoch - best.epoch < spec.patience) return undefined;
  return { metric: best.metric, best: best.value, best_epoch: best.epoch, epoch, patience: spec.patience };
}
