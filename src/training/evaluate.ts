import { elementCount } from '../ir/types.js';
import type { Plan } from '../plan/plan.js';
import type { Executable } from '../runtime/backend.js';
import { fillInOrder } from './data/batcher.js';
import type { ImageSet } from './data/dataset.js';
import { findFunction } from './states.js';

export interface Evaluation {
  /** 0 to 1. */
  readonly accuracy: number;
  /** Mean over the images. */
  readonly loss: number;
  readonly images: number;
}

export interface EvaluateOptions {
  /** Aborting it makes `evaluate` resolve to undefined after the running batch. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Lets timers and signals in: a backend that computes on this thread would otherwise keep them out. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Accuracy and mean loss of the model in `executable` on a test set, with its present states. */
export async function evaluate(
  executable: Executable,
  plan: Plan,
  set: ImageSet,
  options: EvaluateOptions = {},
): Promise<Evaluation | undefined> {
  const fn = findFunction(plan, 'eval_step');
  if (fn === undefined) throw new Error('the plan has no eval_step');
  const { batch } = fn;
  const slots = [0, 1].map(() => ({
    image: new Uint8Array(batch * elementCount(set.shape)),
    label: new Int32Array(batch),
    busy: Promise.resolve(),
  }));
  const batches = Math.ceil(set.count / batch);
  let issued = 0;
  for (; issued < batches && !options.signal?.aborted; issued++) {
    const slot = slots[issued % 2] as (typeof slots)[number];
    await slot.busy;
    fillInOrder(set, batch, issued, slot.image, slot.label);
    slot.busy = executable.call('eval_step', { image: slot.image, label: slot.label });
    slot.busy.catch(() => undefined);
    options.onProgress?.(Math.min(set.count, issued * batch), set.count);
    await breathe();
  }
  await Promise.all(slots.map(({ busy }) => busy));
  const scalars = await executable.drain();
  if (issued < batches) return undefined;
  let loss = 0;
  let correct = 0;
  for (const scalar of scalars) {
    // The device divides by the whole batch, padding included.
    loss += (scalar.loss ?? Number.NaN) * batch;
    correct += scalar.correct ?? 0;
  }
  return { accuracy: correct / set.count, loss: loss / set.count, images: set.count };
}
