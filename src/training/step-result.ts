import { lossPart } from '../ir/graph-names.js';
import type { Scalars } from '../runtime/backend.js';

/** What the device reported about one optimizer step. */
export interface StepResult {
  /** 0-based. */
  readonly step: number;
  /** Mean over the step's images. */
  readonly loss: number;
  /** The same of each part, by name, where the loss is a sum of several; before their weights. */
  readonly parts?: Readonly<Record<string, number>>;
  readonly correct: number;
  readonly images: number;
  /** Its images as a share of a whole step's. */
  readonly share: number;
  readonly skipped: boolean;
  /** Of the gradients, where they are clipped by it. */
  readonly norm: number | undefined;
  /** The loss scale that was used; 1 without scaling. */
  readonly scale: number;
}

/** What one call of a step gave, of so many images. */
interface CallResult {
  readonly batch: number;
  readonly scalars: Scalars;
}

/** The result of step `step` on `images` images from those of its calls, where a whole step has `whole` images. */
export function combineCalls(step: number, calls: readonly CallResult[], images: number, whole: number): StepResult {
  const last = calls.at(-1)?.scalars ?? {};
  const mean = (output: string) => calls.reduce((sum, { batch, scalars }) => sum + (scalars[output] ?? Number.NaN) * batch, 0) / images;
  const parts = Object.keys(last).flatMap((output) => {
    const part = lossPart(output);
    return part === undefined ? [] : [[part, mean(output)] as const];
  });
  return {
    step,
    loss: mean('loss'),
    ...(parts.length > 0 && { parts: Object.fromEntries(parts) }),
    correct: calls.reduce((sum, { scalars }) => sum + (scalars.correct ?? 0), 0),
    images,
    share: images / whole,
    skipped: last.ok === 0,
    norm: last.norm,
    scale: last.scale ?? 1,
  };
}
