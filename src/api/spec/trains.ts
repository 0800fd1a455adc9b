import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CompileOptions } from '../../choose/plan-file.js';
import { type Source, UserError } from '../../diagnostics/diagnostic.js';
import { systemError } from '../../files/system-error.js';
import { train } from '../train.js';

/** A short training run and what it must do; without `data` on the file's own data set. */
export interface TrainsProperty {
  readonly steps: number;
  /** Skipped steps that are allowed; default 0. */
  readonly max_skips?: number;
  /** Mean loss of the last tenth of the steps. */
  readonly loss_below?: number;
  /** Another data set, such as `shapes`, which needs no download. */
  readonly data?: string;
  readonly backend?: CompileOptions['backend'];
}

/** Trains in a folder that is removed again; what is wrong with the run, undefined when it did all that is asked. */
export async function trainingProblem(source: Source, options: CompileOptions, property: TrainsProperty): Promise<string | undefined> {
  const { steps, max_skips = 0, loss_below, data, backend } = property;
  const folder = await mkdtemp(join(tmpdir(), 'ampc-spec-')).catch((error: NodeJS.ErrnoException) => {
    throw systemError(error, { path: tmpdir(), doing: 'make a folder in' });
  });
  let skipped = 0;
  const losses: number[] = [];
  try {
    const result = await train(source, {
      ...options,
      set: [...(options.set ?? []), ...(data === undefined ? [] : [`dataset=${data}`])],
      backend: backend ?? 'auto',
      out: join(folder, 'run'),
      maxSteps: steps,
      logEvery: 1,
      onEvent: (event) => {
        if (event.event !== 'step') return;
        if (event.skipped) skipped += 1;
        losses.push(event.loss ?? Number.NaN);
      },
    });
    if (result.steps < steps) return `the run has ${result.steps} steps only`;
  } catch (error) {
    if (error instanceof UserError)
      return error.diagnostics.map(({ message, fix }) => [message, fix].filter(Boolean).join('; ')).join('; ');
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (skipped > max_skips) return `${skipped} of ${steps} steps were skipped, more than ${max_skips}`;
  if (loss_below === undefined) return undefined;
  const last = losses.slice(-Math.ceil(steps / 10));
  const mean = last.reduce((sum, loss) => sum + loss, 0) / last.length;
  return mean < loss_below
    ? undefined
    : `the loss of the last ${last.length === 1 ? 'step' : `${last.length} steps`} is ${mean.toPrecision(4)}, not below ${loss_below}`;
}
