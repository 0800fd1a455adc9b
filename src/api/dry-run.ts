import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Source } from '../diagnostics/diagnostic.js';
import type { StartEvent } from '../training/events.js';
import { train } from './train.js';
import type { TrainOptions } from './train-choices.js';

/** Optimizer steps of a dry run: the first ones of the run. */
const STEPS = 5;

/** Images that it tests at most, and as many of those kept for validation. */
const TESTED = 64;

export type DryRunOptions = Omit<
  TrainOptions,
  'out' | 'resume' | 'maxSteps' | 'logEvery' | 'callbacks' | 'csv' | 'tensorboard' | 'histograms'
>;

export interface DryRun extends Omit<StartEvent, 'event' | 'run'> {
  readonly steps: number;
  /** Of each step. */
  readonly losses: readonly number[];
  readonly testLoss: number;
  /** From the first step to the last, with what starting takes; undefined where it is not known. */
  readonly imagesPerSecond: number | undefined;
}

/**
 * Does all that a run does, a little of each: reads the data, plans, compiles, trains a few steps and tests a few images. Nothing is kept.
 * Throws UserError as `train`; undefined when `signal` was aborted.
 */
export async function dryRun(input: string | Source, options: DryRunOptions = {}): Promise<DryRun | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'ampc-dry-run-'));
  let start: Omit<StartEvent, 'event' | 'run'> | undefined;
  let imagesPerSecond: number | undefined;
  const losses: number[] = [];
  try {
    const { interrupted, steps, testLoss } = await train(input, {
      ...options,
      out: join(folder, 'run'),
      maxSteps: STEPS,
      logEvery: 1,
      testAtMost: TESTED,
      onEvent: (event) => {
        options.onEvent?.(event);
        if (event.event === 'start') {
          const { event: _, run: _run, ...facts } = event;
          start = facts;
        } else if (event.event === 'step') losses.push(event.loss);
      },
      onProgress: (progress) => {
        options.onProgress?.(progress);
        if (progress.phase === 'train' && progress.imagesPerSecond > 0) imagesPerSecond = progress.imagesPerSecond;
      },
    });
    if (interrupted || start === undefined) return undefined;
    return { ...start, steps, losses, testLoss: testLoss ?? Number.NaN, imagesPerSecond };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
